"""The store as the rest of the program holds it: one class, thin over the modules that do the work."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from recommender.entries import Entry
from recommender.errors import StoreOutdated, StoreUnavailable
from recommender.store import curation, importing, migrations, publishing, reading
from recommender.store.auditing import AuditReader
from recommender.store.curation import Action, Orders, Record
from recommender.store.database import Database
from recommender.store.feeds import Feeds
from recommender.store.importing import Outcome, Saved
from recommender.store.keys import Keys
from recommender.store.locking import Writer
from recommender.store.publishing import Listed
from recommender.store.reading import Card, Change, Found, Generation, ModelRecord, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from recommender.corpus import Corpus

_UPGRADE_WAIT = 30.0
"""Seconds to wait for another process that is creating or upgrading the same store."""


class Store:
    """Stories, their links and their published neighbours, in SQLite or PostgreSQL.

    Safe to share between threads.  Not between processes: open one after a
    fork, not before.  Every method raises StoreUnavailable when the database
    does not answer, after waiting ``patience`` seconds for a lock.

    ``keys`` are those of who may write over HTTP, ``feeds`` what is polled.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = Writer(database)
        self.keys = Keys(database, self._writer)
        self.feeds = Feeds(database, self._writer)

    @classmethod
    def open(cls, url: str, *, create: bool = True, patience: float = 5.0) -> Store:
        """Open the store at ``sqlite:///path`` or ``postgresql+psycopg://…``.

        With ``create`` the file, its folder and the tables are made if need
        be, and older tables are brought up to date; without it nothing is
        changed.  ``patience`` is how many seconds a statement waits for a
        locked database.

        Raises SettingsError for any other URL, MissingExtra if psycopg is not
        installed, StoreUnavailable if the database cannot be opened,
        StoreOutdated if its schema is newer than this program's or, without
        ``create``, older, and StoreLocked if it has to be upgraded while
        somebody else writes.
        """
        database = Database(url, patience=patience)
        _find_file(database, create=create)
        store = cls(database)
        try:
            store._migrate(create=create)
        except BaseException:
            store.close()
            raise
        return store

    def _migrate(self, *, create: bool) -> None:
        with self._database.snapshot() as connection:
            needed = migrations.needed(connection)
        if not needed:
            return
        if not create:
            raise StoreOutdated(
                f"{self.name}: its tables are older than this program, or missing; an import upgrades them"
            )
        with self.writing("upgrade", wait=_UPGRADE_WAIT), self._writer.transaction("upgrade") as connection:
            migrations.upgrade(connection)

    @property
    def name(self) -> str:
        """The database's URL without its password, for messages."""
        return self._database.name

    @property
    def immediate(self) -> bool:
        """Whether ``find`` and ``cards`` wait for nobody: a file's readers need no lock, and no network."""
        return self._database.path is not None

    def close(self) -> None:
        """Close the connections; the store is not to be used after."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Writing

    @contextmanager
    def writing(self, purpose: str, *, wait: float = 0.0) -> Iterator[None]:
        """Be the only one who does long work on this store, for the length of a ``with`` block.

        Others who ask for the same are refused.  Who only calls ``save`` or
        another writing method is not: single transactions take turns.  It may
        be entered again inside itself by the same thread.  It is no
        transaction.  ``purpose`` is a word or two for who is refused, and
        ``wait`` the seconds to wait for the other one.

        Raises StoreLocked, naming the process that works and since when.
        """
        with self._writer.hold(purpose, wait):
            yield

    @contextmanager
    def leading(self, purpose: str) -> Iterator[None]:
        """Be the one, of all processes on all machines, who does what one is to do all the time.

        Raises StoreLocked at once if somebody else is.
        """
        with self._writer.lead(purpose):
            yield

    def save(self, entries: Sequence[Entry]) -> Saved:
        """Write a batch of documents in one transaction: all of it or nothing.

        Of all versions of a story the greatest ``Version.rank`` wins, whatever
        the order of arrival, among those that were posted (``entries.posted``)
        if there are any; but the origin whose version it was may replace it
        by any other.  The links an origin gave before are replaced, those
        of different origins are united.  If a batch names an origin twice, the
        last one counts.

        Raises StoreLocked if another transaction does not end.
        """
        with self._writer.transaction("import") as connection:
            return importing.save(connection, entries)

    def post(self, entries: Sequence[Entry]) -> dict[str, Outcome]:
        """Write a batch as ``save`` does, and tell of every story in it, by key, what became of it."""
        with self._writer.transaction("post") as connection:
            return importing.post(connection, entries)[1]

    def remove(self, key: str) -> bool:
        """Take back the story that answers to a key; false if none does, or it is removed already.

        What was known of it stays in the store, for the day it is posted again;
        no file or feed brings it back.  Raises StoreLocked if another
        transaction does not end.
        """
        with self._writer.transaction("remove") as connection:
            return importing.remove(connection, key)

    def forget(self, origins: Sequence[str]) -> int:
        """Drop the links and fingerprints of origins that are gone, such as a line cut from a file.

        Their stories stay: only a document that says ``removed`` takes a story
        back.  Unknown origins are ignored.  Returns the number of links
        dropped.  Raises StoreLocked if another transaction does not end.
        """
        with self._writer.transaction("import") as connection:
            return importing.forget(connection, origins)

    def publish(
        self,
        model: str,
        stories: Iterable[Listed],
        *,
        parts: str | None = None,
        vocabulary: bytes | None = None,
        kept: Iterable[tuple[str, bytes]] = (),
        revision: int | None = None,
    ) -> int:
        """Publish a recompute: readers see the old generation until all of the new one is there.

        ``stories`` yields a story's id and its ranked neighbours, the bytes of
        a ``NEIGHBOUR_DTYPE`` array, best first; it is consumed as it is
        written, in many transactions, of which the last serves the generation.
        To be called inside ``writing``.  Neighbours of generations older than
        the one before are deleted.  Returns the new generation's number.

        What explains the lists may come with them: after the neighbours the
        bytes of ``reasons.Parts.record`` each, ``parts`` to read those by, and
        the ``vocabulary`` in which stories were compared, as
        ``terms.Vocabulary`` writes it.  ``kept`` is what the next recompute may
        begin from, part by part; it replaces what was kept before.
        ``revision`` is that of the stories that were ranked.

        Any failure, of ``stories`` too, leaves the old generation served.
        Raises ValueError for bytes that are no such array, StoreLocked if
        another transaction does not end.
        """
        with self.writing("publish"):
            begin = partial(self._writer.transaction, "publish")
            return publishing.publish(begin, model, stories, parts, vocabulary, kept, revision)

    def amend(
        self,
        amended: int,
        changed: Iterable[Listed],
        gone: Sequence[int],
        *,
        vocabulary: bytes | None = None,
        kept: Iterable[tuple[str, bytes]] = (),
        revision: int | None = None,
    ) -> int:
        """Publish a generation that has the lists of ``amended`` but for those ``changed`` and ``gone``.

        ``changed`` are lists as for ``publish``, of that generation's model and
        parts; ``gone`` the ids of stories that have none any more.  ``kept``
        are the parts that changed.  Raises as ``publish``, and
        StaleGeneration if ``amended`` is not the one served.
        """
        with self._writer.transaction("publish") as connection:
            return publishing.amend(connection, amended, changed, gone, vocabulary, kept, revision)

    def put(self, generation: int, changed: Iterable[Listed]) -> None:
        """Replace some lists of a generation, or add them; they are of its model and have its parts.

        Raises as ``publish``, and StaleGeneration if it is not the one served.
        """
        with self._writer.transaction("put") as connection:
            publishing.put(connection, generation, changed)

    def record_model(self, model: str, report: Mapping[str, Any]) -> None:
        """Remember that a model was trained, with a report JSON can hold; the same model again replaces it.

        Raises StoreLocked if another transaction does not end.
        """
        with self._writer.transaction("train") as connection:
            publishing.record_model(connection, model, report)

    # Editors' orders

    def curate(
        self, article: int, other: int, action: Action, slot: int | None = None, *, by: str, at: int
    ) -> bool:
        """Order a story (``other``, an id) into the list of another or out of it, or ``clear`` that order.

        In force with the next ``find``, whatever long work is done.  Nothing
        is written, and the answer is false, where it is the story's newest
        order already, or there is none to clear.  Raises StoreLocked if
        another transaction does not end.
        """
        with self._writer.transaction("curate") as connection:
            return curation.curate(connection, article, other, action, slot, by, at)

    def undo(self, article: int, other: int | None = None, *, by: str, at: int) -> Record | None:
        """Take back what was last done about a story, or about a pair: what was before it is in force again.

        Again, it takes back what was done before that.  Gives the line taken
        back, ``None`` if there is none left.  Raises as ``curate``.
        """
        with self._writer.transaction("curate") as connection:
            return curation.undo(connection, article, other, by, at)

    def curation(self, article: int | None = None) -> list[Record]:
        """Read all that was ever ordered and taken back, for a story or for all, in order."""
        with self._database.answering() as connection:
            return curation.records(connection, article)

    def orders(self) -> dict[int, Orders]:
        """Read what is in force, by story."""
        with self._database.answering() as connection:
            return curation.all_orders(connection)

    # Serving

    def find(self, key: str, *, reasons: bool = False) -> Found | None:
        """Find the story that answers to a key, with its neighbours in the active generation.

        ``key`` is a normal form (``urls.canonical``, or a story key).  ``None``
        if no story has it; one that is removed is found, and says so.  A single
        statement, so generation, model and neighbours belong together, and so
        do the ``reasons`` for them, read only if asked for.
        """
        return reading.find(self._database, key, reasons=reasons)

    def vocabulary(self, generation: int) -> bytes | None:
        """Read the words in which a generation compared stories; ``None`` where they are not kept."""
        with self._database.answering() as connection:
            return reading.vocabulary(connection, generation)

    def cards(self, ids: Sequence[int]) -> dict[int, Card]:
        """Read what to show of stories, by id; unknown ids are left out.

        A card may be newer than the generation that named its story, and then
        is what a reader should see.
        """
        return reading.cards(self._database, ids)

    def near(self, moment: int, earliest: int | None, latest: int, rows: int) -> list[tuple[int, Card]]:
        """Read the stories nearest in time: at most ``rows`` until ``moment``, and as many after it.

        Times are seconds since 1970 (UTC); only stories from ``earliest``
        (``None`` for any) to ``latest``, both included, neither removed nor
        undated.  Ids and cards, in no order.  A single statement, along the
        index on the time; of stories of one second at the end, the greatest
        ids are read before ``moment`` and the least ones after it.
        """
        with self._database.answering() as connection:
            return reading.near(connection, moment, earliest, latest, rows)

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
        neighbours.
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

        Nothing of another generation.
        """
        with self._database.answering() as connection:
            return reading.some_lists(connection, generation, ids)

    def versions(self) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
        """Read the ids of all stories that are not removed, ascending, and a digest of each, (n,)."""
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

    def status(self) -> Status:
        """Count stories, links and dead links; goes through the whole store."""
        with self._database.snapshot() as connection:
            return reading.status(connection)

    def fingerprints(self) -> dict[str, str]:
        """Read the fingerprint of every origin imported, by origin: what is unchanged need not come again."""
        with self._database.answering() as connection:
            return reading.fingerprints(connection)

    def models(self) -> list[ModelRecord]:
        """Read the models recorded, newest first."""
        with self._database.answering() as connection:
            return reading.model_records(connection)


def _find_file(database: Database, *, create: bool) -> None:
    path = database.path
    if path is None or path.exists():
        return
    if not create:
        raise StoreUnavailable(f"{database.name}: there is no such file; import something first")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"{database.name}: cannot make its folder: {error.strerror}") from error
