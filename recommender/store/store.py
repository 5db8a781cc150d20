"""The store as the rest of the program holds it: opened, written to, and read (``readable``)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self

from recommender.entries import Entry
from recommender.errors import StoreOutdated, StoreUnavailable
from recommender.store import curation, dumping, events, importing, migrations, publishing, sites
from recommender.store.curation import Action, Record
from recommender.store.database import Database
from recommender.store.dumping import Row
from recommender.store.events import Count
from recommender.store.feeds import Feeds
from recommender.store.importing import Outcome, Saved
from recommender.store.keys import Keys
from recommender.store.locking import Writer
from recommender.store.publishing import Listed
from recommender.store.readable import Readable

_UPGRADE_WAIT = 30.0
"""Seconds to wait for another process that is creating or upgrading the same store."""


class Store(Readable):
    """Stories, their links and their published neighbours, in SQLite or PostgreSQL.

    Safe to share between threads.  Not between processes: open one after a
    fork, not before.  Every method raises StoreUnavailable when the database
    does not answer, after waiting ``patience`` seconds for a lock, or a few times
    that for a server that says nothing (``postgres``).

    ``keys`` are those of who may write over HTTP, ``feeds`` what is polled.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
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
            needed = migrations.needed(connection, self.name)
            empty = needed and not create and migrations.revision(connection) is None
        if not needed:
            return
        if not create:
            trouble = (
                "there is nothing imported under that name; import something first"
                if empty
                else "its tables are older than this program; an import upgrades them"
            )
            raise StoreOutdated(f"{self.name}: {trouble}")
        with self.writing("upgrade", wait=_UPGRADE_WAIT), self._writer.transaction("upgrade") as connection:
            sites.make_room(connection)
            migrations.upgrade(connection)

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

    # What readers did

    def record_events(self, counts: Sequence[Count]) -> int:
        """Add counts of what readers were shown and clicked to those that are there, in one transaction.

        Those of a generation or a story that the store does not know are left
        out: anybody can make up the id of an answer.  Returns how many were.
        Raises StoreLocked if another transaction does not end.
        """
        with self._writer.transaction("events") as connection:
            return events.record(connection, counts)

    # Backups

    @contextmanager
    def loading(self, told: Callable[[str], Generator[Row]], *, replace: bool = False) -> Iterator[None]:
        """Fill the store, in one transaction, with the rows that ``told`` gives of each table by its name.

        They are those that ``dumped`` gives of any store, of either database.
        With ``replace`` all that there is goes, but that a key was revoked; without, it raises
        StoreNotEmpty if there is anything.  They are committed when the block
        ends; any failure until then, of ``told`` and the block too, leaves
        what there was.  Raises BackupCorrupt for rows that no store can
        have, StoreLocked while somebody else does
        long work or keeps lists up to date.
        """
        with (
            self.leading("restore"),
            self.writing("restore"),
            self._writer.transaction("restore") as connection,
        ):
            dumping.load(connection, told, replace=replace)
            yield


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
    try:
        path.touch()
    except OSError as error:
        raise StoreUnavailable(f"{database.name}: cannot be made: {error.strerror}") from error
