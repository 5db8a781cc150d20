"""Every error the project raises on purpose, as one tree.

::

    RecommenderError
    ├── SettingsError           a setting has a value it cannot have
    ├── UsageError              a call asks for what does not exist: a verb's argument, a date, an engine
    ├── MissingExtra            an optional package is not installed
    ├── InvalidURL              not a web address a story can have
    ├── InvalidStory            a document that is not a story; carries the line
    ├── UnknownStory            no story in the store answers to this URL
    ├── InvalidOrder            an editor's order that cannot be, such as to pin a story to itself
    ├── InvalidEvent            what readers are said to have done that cannot be, as to click 12 of 10
    │   └── InvalidAnswerId     the id of no answer
    ├── Unauthorized            a request without an API key, or with one that is none
    ├── Forbidden               an API key that was made for something else
    ├── TooManyRequests         an address or a key asks more often than it may
    ├── StoreError
    │   ├── StoreUnavailable    the database cannot be opened or does not answer
    │   ├── StoreOutdated       the schema is older or newer than this program's
    │   ├── StoreLocked         another writer is at work
    │   ├── StoreCorrupt        what it keeps is not what was written
    │   ├── StoreNotEmpty       a backup is to be restored over what there is
    │   └── StaleGeneration     lists were to be amended that are served no more
    ├── BackupCorrupt           a backup is no backup, cut short or changed
    ├── EngineError
    │   ├── EngineUnavailable   no scheduler answers, or there are no workers of this version
    │   └── EngineLost          the scheduler or all workers went away in the middle
    ├── InProgress              what is asked for is being made ready, which takes a while
    ├── TookTooLong             what was asked for at once is more than is answered in time
    ├── NothingRecomputed       no recompute has been, or not by this program, that a text can be ranked by
    ├── NothingToLearn          too few stories or links to do what was asked
    ├── UnsoundEvaluation       a hidden link can be seen, or a list counts a story twice
    └── ModelError
        ├── ModelNotFound       no model folder of that name
        ├── ModelCorrupt        a file is missing, cut short or changed
        ├── ModelIncompatible   written by a newer format
        ├── ModelsReadOnly      models are to be written at a URL, where they are only read
        └── NoEarlierModel      nothing was active before what is

Each carries ``name`` (stable, for machines: the ``type`` of a problem+json
answer and the word in a log line) and a message that says which input, what
was expected and what to do.
"""

# ruff: noqa: N818  (an error is called what has happened; only groups end in Error)

from __future__ import annotations

import re
from typing import Self


class RecommenderError(Exception):
    """Base of the tree; catch it to catch everything raised on purpose."""

    name = "recommender-error"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()


class SettingsError(RecommenderError):
    """A setting has a value it cannot have."""


class UsageError(RecommenderError):
    """A call asks for what does not exist."""


class MissingExtra(RecommenderError):
    """An optional package is not installed; the message names the extra."""


class InvalidURL(RecommenderError, ValueError):
    """Not a web address a story can have."""


class InvalidStory(RecommenderError, ValueError):
    """A document that is not a story.

    ``line`` is the 1-based line of the document the trouble was seen on, or
    ``None`` where a line has no meaning.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class UnknownStory(RecommenderError, LookupError):
    """No story in the store answers to this URL."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Make the error of a URL, of which the message has the beginning."""
        shown = repr(url if len(url) <= 80 else f"{url[:79]}…")
        return cls(f"no story in the store answers to {shown}")


class InvalidOrder(RecommenderError, ValueError):
    """An editor's order that cannot be, such as to pin a story to itself."""


class InvalidEvent(RecommenderError, ValueError):
    """What readers are said to have done that cannot be, such as to click the twelfth of ten items."""


class InvalidAnswerId(InvalidEvent):
    """A text that is the id of no answer."""


class Unauthorized(RecommenderError):
    """A request without an API key, or with one that was never made or is revoked."""


class Forbidden(RecommenderError):
    """An API key that was made for something else."""


class TooManyRequests(RecommenderError):
    """An address or a key asks more often than it may; ``wait`` is in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"more than is answered in a minute; the next one in {wait:.0f} s")
        self.wait = wait


class StoreError(RecommenderError):
    """Something about the store."""


class StoreUnavailable(StoreError):
    """The database cannot be opened or does not answer."""


class StoreOutdated(StoreError):
    """The schema is older or newer than this program's."""


class StoreLocked(StoreError):
    """Another writer is at work."""


class StoreCorrupt(StoreError):
    """What the store keeps is not what was written."""


class StoreNotEmpty(StoreError):
    """A backup is to be restored where there is something already."""


class StaleGeneration(StoreError):
    """Lists were to be amended that are served no more."""


class BackupCorrupt(RecommenderError):
    """A file that is no backup, or is cut short or changed."""


class EngineError(RecommenderError):
    """Something about the machines that blocks of work are sent to."""


class EngineUnavailable(EngineError):
    """No scheduler answers, or there are no workers of this version."""


class EngineLost(EngineError):
    """The scheduler or all workers went away in the middle; what was served before still is."""


class InProgress(RecommenderError):
    """What is asked for is being made ready, which goes on; who asks again later is given it."""


class TookTooLong(RecommenderError):
    """What was asked for at once is more than is answered in the time that there is for it."""


class NothingRecomputed(RecommenderError):
    """No recompute has been, or not by this program, that a text can be ranked by."""


class NothingToLearn(RecommenderError):
    """Too few stories or links to do what was asked."""


class UnsoundEvaluation(RecommenderError, AssertionError):
    """A number would be worthless: a hidden link can be seen, a query or a list breaks the protocol.

    The fault is the program's, not its user's.
    """


class ModelError(RecommenderError):
    """Something about a model folder."""


class ModelNotFound(ModelError, LookupError):
    """No model folder of that name."""


class ModelCorrupt(ModelError):
    """A file of a model is missing, cut short or changed."""


class ModelIncompatible(ModelError):
    """A model was written by a newer format than this program reads."""


class ModelsReadOnly(ModelError):
    """Models are to be written at a URL, where they are only read."""


class NoEarlierModel(ModelError):
    """Nothing was active before what is."""
