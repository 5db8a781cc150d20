"""Several newsrooms in one service: where the stories and the models of each are.

A site has a store and a folder of models of its own, so nothing of one
newsroom can come into another's answers: stories, links, orders, lists, keys
and feeds are apart, and long work of the one keeps nobody of the other
waiting::

                 of the first                       of the site mic, beside
    store        sqlite:///news.sqlite              the file news.mic.sqlite
                 postgresql+psycopg://host/news     the schema site_mic in it
    models       models                             the folder models/@mic
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from recommender.pointing import Root
from recommender.settings import Settings
from recommender.store import sites

_MODELS: Final = "@"
"""What the name of a site's folder of models begins with, as no model's does."""


class Newsroom(NamedTuple):
    """One of the newsrooms of a service, and where its stories and models are.

    ``site`` is its name, ``""`` for the first.
    """

    site: str
    store: str
    models: Root

    @classmethod
    def of(cls, settings: Settings, site: str | None = None) -> Newsroom:
        """Find the newsroom that settings name, or that of another ``site``.

        Raises SettingsError for a store that is no database URL.
        """
        name = settings.site if site is None else site
        if not name:
            return cls("", settings.store, settings.models)
        root, folder = settings.models, f"{_MODELS}{name}"
        inside = root / folder if isinstance(root, Path) else f"{root.rstrip('/')}/{folder}"
        return cls(name, sites.url(settings.store, name), inside)


def names(settings: Settings) -> list[str]:
    """List the sites that have a store, in order, but for the first newsroom; raises as ``Store.open``."""
    return sites.names(settings.store)
