"""The store: stories, aliases, curated links and published neighbours, in SQLite or PostgreSQL.

::

    document ──encode──► Entry ──Store.save──► articles, aliases, links
    ranked neighbours ──Store.publish──► a generation
    key ──Store.find──► story and neighbours ──Store.cards──► an answer
    words ──Store.search──► stories, newest first
    links as given ──Store.audited──► an audit
    an editor's order ──Store.curate──► a log, and what of it is in force
    what readers did ──Store.record_events──► a day's counts ──Store.events──► columns

``encode`` runs in worker processes; one process at a time writes; any number
read, and see an old generation or a new one, never a mix.
"""

from recommender.entries import AliasKind, Entry, Version, encode, share
from recommender.store.answering import Card, Found
from recommender.store.auditing import AuditReader, CuratedLink, Named
from recommender.store.curation import Action, Kind, Orders, Record, in_force
from recommender.store.dumping import COLUMNS, Row
from recommender.store.events import Count, Total
from recommender.store.feeds import Feed
from recommender.store.importing import Outcome, Saved
from recommender.store.keys import Key
from recommender.store.reading import Change, Generation, ModelRecord, Status
from recommender.store.schema import REVISION
from recommender.store.searching import Hit
from recommender.store.standing import SHORT, Lists, Waiting
from recommender.store.store import Store

__all__ = [
    "COLUMNS",
    "REVISION",
    "SHORT",
    "Action",
    "AliasKind",
    "AuditReader",
    "Card",
    "Change",
    "Count",
    "CuratedLink",
    "Entry",
    "Feed",
    "Found",
    "Generation",
    "Hit",
    "Key",
    "Kind",
    "Lists",
    "ModelRecord",
    "Named",
    "Orders",
    "Outcome",
    "Record",
    "Row",
    "Saved",
    "Status",
    "Store",
    "Total",
    "Version",
    "Waiting",
    "encode",
    "in_force",
    "share",
]
