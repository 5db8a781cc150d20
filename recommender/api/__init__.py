"""The service over HTTP: ``GET /related`` and what stands around it.

::

    request ──application──► lately ──► routes ──► recommender.service ──► caching ──► answer
                                │          │ any error                                  ▲
                                │          └──────► problems ──► application/problem+json
                                └── answered lately, and nothing has changed ───────────┘

A server of several processes is given ``recommender.api:app_factory``, which
reads the settings from the environment (``Settings.environment`` writes them).
"""

from recommender.api.application import create_app
from recommender.api.hosting import app_factory

__all__ = ["app_factory", "create_app"]
