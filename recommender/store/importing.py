"""Writing what documents say: versions of stories, keys, links; which of them count, ``precedence`` tells.

Every function here works inside one transaction of the one writer, so it may
read, decide in Python, and write only what changed; the statements are the
same on both databases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from recommender.entries import Entry, removal
from recommender.store import searching
from recommender.store.database import chunks
from recommender.store.precedence import Telling, best_versions, dispute, least_claims, wins
from recommender.store.schema import aliases, articles, links, origins


@dataclass(frozen=True, slots=True)
class Saved:
    """What ``Store.save`` did, in numbers; sums with ``+``.

    Stories are counted once a batch however often it tells them; links as
    each origin gives them.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    links_added: int = 0
    links_removed: int = 0

    def __add__(self, other: Saved) -> Saved:
        return Saved(
            self.new + other.new,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.links_added + other.links_added,
            self.links_removed + other.links_removed,
        )


Outcome: TypeAlias = Literal["new", "changed", "unchanged"]
"""What became of a story; with links of its own that changed, it did."""


def save(connection: Connection, entries: Iterable[Entry]) -> Saved:
    """Write a batch; see ``Store.save``."""
    return post(connection, entries)[0]


def remove(connection: Connection, key: str) -> bool:
    """Say of a story that it is removed; see ``Store.remove``."""
    query = select(articles).join_from(aliases, articles).where(aliases.c.key == key)
    row = connection.execute(query).one_or_none()
    if row is None or row.removed:
        return False
    save(connection, [removal(row.key, row.url, row.published_at, row.card, row.details)])
    return True


def post(connection: Connection, entries: Iterable[Entry]) -> tuple[Saved, dict[str, Outcome]]:
    """Write a batch, and tell of every story in it, by key, what became of it; see ``Store.post``."""
    told = {entry.origin: entry for entry in entries}
    origin_ids = _save_origins(connection, told)
    # Nobody else counts at this moment: transactions take turns.
    revision = 1 + connection.execute(_NEWEST).scalar_one()
    outcomes, article_ids = _save_articles(connection, told, origin_ids, revision)
    _save_aliases(connection, told.values(), article_ids)
    became = Counter(outcomes.values())
    stories = Saved(became["new"], became["changed"], became["unchanged"])
    links, relinked = _save_links(connection, told, origin_ids, article_ids, revision)
    for key, outcome in outcomes.items():
        if outcome == "unchanged" and article_ids[key] in relinked:
            outcomes[key] = "changed"
    return stories + links, outcomes


def forget(connection: Connection, names: Sequence[str]) -> int:
    """Drop what origins linked; see ``Store.forget``."""
    dropped = 0
    for chunk in chunks(names):
        chosen = select(origins.c.id).where(origins.c.origin.in_(chunk))
        dropped += connection.execute(delete(links).where(links.c.origin_id.in_(chosen))).rowcount
        connection.execute(update(origins).where(origins.c.origin.in_(chunk)).values(fingerprint=None))
    return dropped


def _save_origins(connection: Connection, told: Mapping[str, Entry]) -> dict[str, int]:
    known: dict[str, Row[Any]] = {}
    for chunk in chunks(list(told)):
        rows = connection.execute(select(origins).where(origins.c.origin.in_(chunk)))
        known.update({row.origin: row for row in rows})
    new = [
        {"origin": origin, "fingerprint": entry.fingerprint}
        for origin, entry in told.items()
        if origin not in known
    ]
    changed = [
        {"row": row.id, "fingerprint": told[origin].fingerprint}
        for origin, row in known.items()
        if row.fingerprint != told[origin].fingerprint
    ]
    ids = {origin: row.id for origin, row in known.items()}
    if new:
        rows = connection.execute(insert(origins).returning(origins.c.origin, origins.c.id), new)
        ids.update({row.origin: row.id for row in rows})
    if changed:
        connection.execute(update(origins).where(origins.c.id == bindparam("row")), changed)
    return ids


_NEWEST = select(func.coalesce(func.max(articles.c.revision), 0))
_STORED = select(
    articles.c.id,
    articles.c.key,
    articles.c.published_at,
    articles.c.own,
    articles.c.removed,
    articles.c.digest,
    origins.c.origin,
).join_from(articles, origins)


def _save_articles(
    connection: Connection, told: Mapping[str, Entry], origin_ids: Mapping[str, int], revision: int
) -> tuple[dict[str, Outcome], dict[str, int]]:
    """Let the best version of every story win; return what became of the stories told, and ids, by key."""
    best = best_versions(told.values())
    stored: dict[str, Row[Any]] = {}
    for chunk in chunks(list(best)):
        stored.update({row.key: row for row in connection.execute(_STORED.where(articles.c.key.in_(chunk)))})
    ids = {key: row.id for key, row in stored.items()}
    new: list[dict[str, Any]] = []
    replaced: list[dict[str, Any]] = []
    reworded: list[str] = []
    outcomes: dict[str, Outcome] = {}
    for key, telling in best.items():
        outcomes[key] = "unchanged"
        values = _columns(telling, origin_ids) | {"revision": revision}
        row = stored.get(key)
        if row is None:
            new.append(values)
            reworded.append(key)
            outcomes[key] = "new"
            continue
        replaces = wins(telling, row, told.get(row.origin))
        if row.own and telling.version.own and row.digest != telling.version.digest:
            dispute(key, *((telling.origin, row.origin) if replaces else (row.origin, telling.origin)))
        if replaces:
            replaced.append(values | {"row": row.id})
            if telling.version.digest != row.digest:
                reworded.append(key)
            if (telling.version.digest, telling.version.own) != (row.digest, row.own):
                outcomes[key] = "changed"
    if new:
        rows = connection.execute(insert(articles).returning(articles.c.key, articles.c.id), new)
        ids.update({row.key: row.id for row in rows})
    if replaced:
        connection.execute(update(articles).where(articles.c.id == bindparam("row")), replaced)
    versions = {ids[key]: best[key].version for key in reworded}
    searching.index(
        connection,
        [searching.place(stored[key].published_at, ids[key]) for key in reworded if key in stored],
        {
            searching.place(version.published_at, article): version.card
            for article, version in versions.items()
            if not version.removed
        },
    )
    return outcomes, ids


def _columns(telling: Telling, origin_ids: Mapping[str, int]) -> dict[str, Any]:
    version, origin = telling
    return {
        "key": version.key,
        "url": version.url,
        "published_at": version.published_at,
        "own": version.own,
        "removed": version.removed,
        "origin_id": origin_ids[origin],
        "digest": version.digest,
        "card": version.card,
        "details": version.details,
    }


def _save_aliases(connection: Connection, entries: Iterable[Entry], article_ids: Mapping[str, int]) -> None:
    """Give every key to the best of all that ever claimed it.

    The claims of losing versions count too: an address that a story once had
    keeps leading to it.  A claim is (kind, the claiming story's key) and the
    least one wins, so the order of arrival does not matter.
    """
    claims = least_claims(entries)
    stored: dict[str, tuple[int, str]] = {}
    query = select(aliases.c.key, aliases.c.kind, articles.c.key).join_from(aliases, articles)
    for chunk in chunks(list(claims)):
        stored.update(
            {
                key: (kind, story)
                for key, kind, story in connection.execute(query.where(aliases.c.key.in_(chunk)))
            }
        )
    new: list[dict[str, Any]] = []
    replaced: list[dict[str, Any]] = []
    for key, (kind, story) in claims.items():
        values = {"article_id": article_ids[story], "kind": int(kind)}
        if key not in stored:
            new.append(values | {"key": key})
        elif (kind, story) < stored[key]:
            replaced.append(values | {"row": key})
    if new:
        connection.execute(insert(aliases), new)
    if replaced:
        connection.execute(update(aliases).where(aliases.c.key == bindparam("row")), replaced)


def _save_links(
    connection: Connection,
    told: Mapping[str, Entry],
    origin_ids: Mapping[str, int],
    article_ids: Mapping[str, int],
    revision: int,
) -> tuple[Saved, set[int]]:
    """Replace the links of the origins whose links changed; return whose, too."""
    stored: dict[int, list[tuple[int, str]]] = {}
    query = select(links.c.origin_id, links.c.source_id, links.c.target_key).order_by(
        links.c.origin_id, links.c.place
    )
    for chunk in chunks(list(origin_ids.values())):
        for origin_id, source_id, target in connection.execute(query.where(links.c.origin_id.in_(chunk))):
            stored.setdefault(origin_id, []).append((source_id, target))
    stale: list[int] = []
    fresh: list[dict[str, Any]] = []
    relinked: set[int] = set()
    added = removed = 0
    for origin, entry in told.items():
        origin_id, source_id = origin_ids[origin], article_ids[entry.versions[0].key]
        old = stored.get(origin_id, [])
        now = [(source_id, target) for target in entry.links]
        if now == old:
            continue
        relinked |= {source_id, *(source for source, _ in old)}
        if old:
            stale.append(origin_id)
        fresh += [
            {"origin_id": origin_id, "place": place, "source_id": source_id, "target_key": target}
            for place, target in enumerate(entry.links)
        ]
        added += len(set(now) - set(old))
        removed += len(set(old) - set(now))
    for chunk in chunks(stale):
        connection.execute(delete(links).where(links.c.origin_id.in_(chunk)))
    if fresh:
        connection.execute(insert(links), fresh)
    for chunk in chunks(sorted(relinked)):
        connection.execute(update(articles).where(articles.c.id.in_(chunk)).values(revision=revision))
    return Saved(links_added=added, links_removed=removed), relinked
