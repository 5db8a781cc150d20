"""A process that keeps lists up to date: it looks for what came, and does not give up."""

from __future__ import annotations

import logging
from threading import Event
from typing import Final

from recommender import models
from recommender.errors import RecommenderError, StoreLocked
from recommender.live.updating import NOTHING, Updater
from recommender.store import Store

PAUSE: Final = 0.1
"""Seconds between two looks for something new: it costs a tenth of a millisecond."""

STANDBY: Final = 1.0
"""Seconds between two looks whether who leads is gone."""

AGAIN: Final = 2.0
"""Seconds after which what failed is tried again."""

_log = logging.getLogger(__name__)


def follow(store: str, root: models.Root, stop: Event) -> None:
    """Keep the lists of the store of that URL up to date until ``stop`` is set.

    Of several processes one does; the others wait for it to be gone.  A store
    that is not there yet, or does not answer, is tried again.
    """
    told = ""
    while not stop.is_set():
        try:
            with Store.open(store, create=False) as opened, opened.leading("live"):
                _log.info("keeping lists up to date")
                _lead(opened, root, stop)
        except StoreLocked as error:
            _log.debug("%s", error)
            stop.wait(STANDBY)
        except RecommenderError as error:
            if str(error) != told:
                _log.warning("lists are not kept up to date, which is tried again: %s: %s", error.name, error)
            told = str(error)
            stop.wait(AGAIN)


def _lead(store: Store, root: models.Root, stop: Event) -> None:
    updater = Updater(store, root)
    try:
        while not stop.is_set():
            done = updater.step()
            if done == NOTHING:
                stop.wait(PAUSE)
            else:
                _log.info("%d stories ranked, %d lists of others changed", done.ranked, done.lists)
    finally:
        updater.close()
