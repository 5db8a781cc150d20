"""What is read of a store: for answers, for learning, and for who looks after it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from recommender.store import (
    answering,
    checking,
    curation,
    dumping,
    events,
    locking,
    reading,
    searching,
    standing,
)
from recommender.store.answering import Card, Found
from recommender.store.auditing import AuditReader
from recommender.store.checking import Checked
from recommender.store.curation import Orders, Record
from recommender.store.database import Database
from recommender.store.dumping import Row
from recommender.store.events import Total
from recommender.store.locking import Holders
from recommender.store.reading import Change, Generation, ModelRecord, Status
from recommender.store.searching import Hit
from recommender.store.standing import Lists, Waiting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from recommender.corpus import Corpus, Versions
    from recommender.events import Events


class Readable:
    """All that is read of a store; nothing here writes, or waits for who does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def name(self) -> str:
        """The database's URL without its password, on PostgreSQL with the schema, for messages."""
        return self._database.name

    @property
    def path(self) -> Path | None:
        """The file on SQLite."""
        return self._database.path

    @property
    def immediate(self) -> bool:
        """Whether ``find`` and ``cards`` wait for nobody: a file's readers need no lock, and no network."""
        return self._database.path is not None

    # Serving

    def find(self, key: str, *, listed: bool = True, reasons: bool = False) -> Found | None:
        """Find the story that answers to a key, with its neighbours in the active generation.

        ``key`` is a normal form (``urls.canonical``, or a story key).  ``None``
        if no story has it; one that is removed is found, and says so.  A single
        statement, so generation, model and neighbours belong together, and so
        do the ``reasons`` for them, read only if asked for.  Raises StoreCorrupt
        where the neighbours are not what was written; without ``listed``
        neither they nor what editors ordered is read.
        """
        return answering.find(self._database, key, listed=listed, reasons=reasons)

    def vocabulary(self, generation: int) -> bytes | None:
        """Read the words in which a generation compared stories; ``None`` where they are not kept."""
        with self._database.answering() as connection:
            return reading.vocabulary(connection, generation)

    def cards(self, ids: Sequence[int]) -> dict[int, Card]:
        """Read what to show of stories, by id; unknown ids are left out.

        A card may be newer than the generation that named its story, and then
        is what a reader should see.
        """
        return answering.cards(self._database, ids)

    def near(self, moment: int, earliest: int | None, latest: int, rows: int) -> list[tuple[int, Card]]:
        """Read the stories nearest in time: at most ``rows`` until ``moment``, and as many after it.

        Times are seconds since 1970 (UTC); only stories from ``earliest``
        (``None`` for any) to ``latest``, both included, neither removed nor
        undated.  Ids and cards, in no order.  A single statement, along the
        index on the time; of stories of one second at the end, the greatest
        ids are read before ``moment`` and the least ones after it.
        """
        with self._database.answering() as connection:
            return answering.near(connection, moment, earliest, latest, rows)

    def search(self, words: str, limit: int, now: int) -> list[Hit]:
        """Find stories with all of these words in title or excerpt, each whole or as the beginning of one.

        Case and accents are one, and nothing but letters, digits and ``_`` has
        a meaning; without any the list is empty.  Newest first, at most
        ``limit``, those without a date last; neither removed ones nor those
        of after ``now`` (seconds since 1970).  A single statement.
        """
        with self._database.answering() as connection:
            return searching.search(connection, words, limit, now)

    def state(self) -> Hashable:
        """Tell one state of the store from another: the same as before if nobody has written anything since.

        Never the same by chance; another one perhaps without a reason.  Cheap
        enough for every request where the store is ``immediate``.
        """
        return self._database.state()

    @contextmanager
    def exported(self) -> Iterator[tuple[dict[int, str], Iterator[tuple[int, bytes]]]]:
        """Read everything that is served, from one snapshot that lasts as long as the ``with`` block.

        Gives the addresses of all stories by id, but those removed, and an
        iterator over the active generation: a story's id and its packed
        neighbours.  That raises StoreCorrupt where those are not what was written.
        """
        with self._database.snapshot() as connection:
            yield reading.urls(connection), reading.lists(connection)

    # Learning

    def corpus(self) -> Corpus:
        """Read every story that is not removed, and the curated links between them, from one snapshot.

        A link whose target is no story, or is removed, or is its own source,
        is left out; of the same link from several origins the foremost place
        counts.  A pin is a link, ahead of those of documents; a pair that is
        blocked, either way, is none.
        """
        # Loaded here, for an import needs no numpy: a process without its threads may fork workers.
        from recommender.store import corpus

        with self._database.snapshot() as connection:
            return corpus.corpus(connection)

    def kept(self) -> dict[str, bytes]:
        """Read what the newest generation keeps for the next, part by part; nothing if it keeps nothing."""
        with self._database.snapshot() as connection:
            return reading.kept(connection)

    def keeper(self) -> int | None:
        """Tell which generation wrote what is kept for the next, ``None`` if nothing is."""
        with self._database.answering() as connection:
            return reading.keeper(connection)

    def revision(self) -> int:
        """Tell the number of the last change of any story, 0 before the first."""
        with self._database.answering() as connection:
            return reading.revision(connection)

    def changes(self, revision: int) -> list[Change]:
        """List the stories that were new, changed or linked after a revision, in the order of that."""
        with self._database.answering() as connection:
            return reading.changes(connection, revision)

    def lists(self, generation: int, ids: Sequence[int]) -> dict[int, tuple[bytes, bytes | None]]:
        """Read lists of the generation that is served, by story, and the reasons for them.

        Nothing of another generation.  Raises StoreCorrupt as ``find``.
        """
        with self._database.answering() as connection:
            return reading.some_lists(connection, generation, ids)

    def versions(self) -> Versions:
        """Read which stories there are, in which versions, and of which revision that is: one snapshot."""
        from recommender.store import corpus

        with self._database.snapshot() as connection:
            return corpus.versions(connection)

    def some(self, ids: NDArray[np.int64]) -> Corpus:
        """Read some stories by id, ascending; no links."""
        from recommender.store import corpus

        with self._database.snapshot() as connection:
            return corpus.some(connection, ids)

    def links(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read the curated links between stories, given by id, ascending; as ``corpus`` has them."""
        from recommender.store import corpus

        with self._database.snapshot() as connection:
            return corpus.links_between(connection, ids)

    def links_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read the curated links that lead from stories or to them, by id: (m, 2), in the editors' order."""
        from recommender.store import corpus

        with self._database.snapshot() as connection:
            return corpus.links_of(connection, ids)

    # What readers did

    def events(self, since_day: int = 0) -> Events:
        """Read what readers were shown and clicked on a day (days since 1970, UTC) and later: one snapshot.

        In the order of day, generation, article, other, source and rank.
        """
        with self._database.snapshot() as connection:
            return events.read(connection, since_day)

    def event_days(self, since_day: int) -> dict[int, int]:
        """Tell how many counts each day has from that one on, those of them that have any."""
        with self._database.answering() as connection:
            return events.days(connection, since_day)

    def event_totals(self) -> list[Total]:
        """Add up what was shown and clicked, by model, source and rank; goes through all counts."""
        with self._database.snapshot() as connection:
            return events.totals(connection)

    # Looking after it

    @contextmanager
    def audited(self) -> Iterator[AuditReader]:
        """Read curated links as documents give them, and what is served, all of one snapshot.

        The snapshot lasts as long as the ``with`` block.
        """
        with self._database.snapshot() as connection:
            yield AuditReader(connection)

    def generation(self) -> Generation | None:
        """Read which generation is active, ``None`` before the first; cheap enough for every health check."""
        with self._database.answering() as connection:
            return reading.generation(connection)

    def standing(self) -> Lists:
        """Count the lists that are served, and the short ones among them; goes through all of them."""
        with self._database.answering() as connection:
            return standing.standing(connection)

    def waiting(self) -> Waiting:
        """Count the stories that came or changed since the recompute; goes through those."""
        with self._database.answering() as connection:
            return standing.waiting(connection)

    def holders(self) -> Holders:
        """Tell who does long work and who keeps lists up to date, without waiting for either."""
        return locking.holders(self._database)

    def status(self) -> Status:
        """Count stories, links and dead links; goes through the whole store."""
        with self._database.snapshot() as connection:
            return reading.status(connection)

    def checked(self) -> Checked:
        """Look whether what is kept is what was written, as far as can be told; reads the whole store."""
        with self._database.snapshot() as connection:
            return checking.checked(connection)

    def fingerprints(self) -> dict[str, str]:
        """Read the fingerprint of every origin imported, by origin: what is unchanged need not come again."""
        with self._database.snapshot() as connection:
            return reading.fingerprints(connection)

    def models(self) -> list[ModelRecord]:
        """Read the models recorded, newest first."""
        with self._database.answering() as connection:
            return reading.model_records(connection)

    @contextmanager
    def dumped(self) -> Iterator[Callable[[str], Generator[Row]]]:
        """Read all that there is, for ``Store.loading``, from one snapshot that lasts as long as the block.

        Gives what gives the rows of a table (``dumping.TABLES``) by its name.
        """
        with self._database.snapshot() as connection:
            yield partial(dumping.rows, connection)

    def require_empty(self) -> None:
        """Raise StoreNotEmpty if there is anything in it."""
        with self._database.snapshot() as connection:
            dumping.require_empty(connection)

    # Editors' orders

    def curation(self, article: int | None = None) -> list[Record]:
        """Read all that was ever ordered and taken back, for a story or for all, in order."""
        with self._database.answering() as connection:
            return curation.records(connection, article)

    def orders(self) -> dict[int, Orders]:
        """Read what is in force, by story."""
        with self._database.answering() as connection:
            return curation.all_orders(connection)
