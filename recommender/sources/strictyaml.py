"""YAML without what makes YAML dangerous.

The document is built here from libyaml's events, in one pass, and only of
strings, ``None``, lists and mappings.  Aliases (a few hundred bytes of them
expand to gigabytes), tags, merge keys' meaning, doubled keys and deep nesting
(which overflows the C loader's stack) are errors with a line, met before
anything is built of them.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from recommender.errors import InvalidStory
from recommender.sources.layout import MAX_DEPTH

_REFUSED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""The characters libyaml's reader refuses; its own error counts bytes, not lines."""
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))


def parse(text: str, first_line: int = 1) -> dict[str, Any]:
    """Read a mapping of strings, ``None``, lists and mappings.

    Args:
        text: YAML, one document.
        first_line: the number of the text's first line in its file, for errors.

    Raises:
        InvalidStory: it is not YAML, not a mapping, or uses what is not allowed here.
    """
    builder = _Builder(text, first_line)
    try:
        # The base loader looks up no tag and converts no scalar; here it only hands out events.
        for event in yaml.parse(text, Loader=yaml.CBaseLoader):
            builder.take(event)
    except yaml.YAMLError as error:
        raise _translated(error, text, first_line) from None
    if not isinstance(builder.root, dict):
        kind = "empty" if builder.root is None else "a list" if isinstance(builder.root, list) else "a text"
        raise InvalidStory(f"the front matter is {kind}, not a mapping of fields", first_line)
    return builder.root


class _Builder:
    """Builds the value of a stream of events.

    ``_open`` holds the unfinished lists and mappings, outermost first, and
    for each the key (a mapping's, once seen) that the next value belongs to.
    """

    def __init__(self, text: str, first_line: int) -> None:
        self.root: Any = None
        self._text = text
        self._first_line = first_line
        self._open: list[tuple[dict[str, Any] | list[Any], list[str]]] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_marks(event)
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._refuse_marks(event)
            self._start({} if isinstance(event, yaml.MappingStartEvent) else [], event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise self._error("an alias (*) is not allowed", event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._error("a second document is not allowed", event)

    def _refuse_marks(self, event: yaml.NodeEvent) -> None:
        if event.anchor is not None:
            raise self._error("an anchor (&) is not allowed", event)
        if event.tag is not None:
            raise self._error("a tag (!) is not allowed", event)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if self._open:
            node, keys = self._open[-1]
            if isinstance(node, dict) and not keys:
                if event.value in node:
                    raise self._error(f"the key {_short(event.value)} stands here a second time", event)
                keys.append(event.value)
                return
        # Only an unquoted word can be null: "null" in quotes is a text.
        self._add(None if not event.style and event.value in _NULLS else event.value)

    def _start(self, node: dict[str, Any] | list[Any], event: yaml.Event) -> None:
        if self._open and isinstance(self._open[-1][0], dict) and not self._open[-1][1]:
            raise self._error("a list or a mapping cannot be a key", event)
        if len(self._open) >= MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels", event)
        self._add(node)
        self._open.append((node, []))

    def _add(self, value: Any) -> None:
        if not self._open:
            self.root = value
            return
        node, keys = self._open[-1]
        if isinstance(node, dict):
            node[keys.pop()] = value
        else:
            node.append(value)

    def _error(self, reason: str, event: yaml.Event) -> InvalidStory:
        return InvalidStory(reason, _line(self._text, event.start_mark.index, self._first_line))


def _translated(error: yaml.YAMLError, text: str, first_line: int) -> InvalidStory:
    """Say what libyaml found, on one line, with the line of the file."""
    if isinstance(error, yaml.reader.ReaderError) and (found := _REFUSED.search(text)):
        line = _line(text, found.start(), first_line)
        return InvalidStory(f"the control character U+{ord(found[0]):04X} is not allowed", line)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    parts = (getattr(error, "context", None), getattr(error, "problem", None))
    reason = ", ".join(part for part in parts if part) or "cannot be read"
    return InvalidStory(f"not YAML: {reason}", _line(text, mark.index if mark else 0, first_line))


def _line(text: str, index: int, first_line: int) -> int:
    """Return the line of a character as editors count it; YAML's own count takes U+2028 for a line break."""
    return first_line + text.count("\n", 0, index)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
