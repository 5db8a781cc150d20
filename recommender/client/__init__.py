"""A typed client of the service, sync and async: ``pip install 'recommender[client]'``.

::

    with Client("https://related.example") as client:
        for item in client.related("https://news.example/bridge-closes", limit=5).items:
            print(item.score, item.title, item.web_url)

``calls`` says what is asked and how answers are read, ``attempts`` what is
tried again and when; ``Client`` and ``AsyncClient`` only send.  It stands by
itself: of the rest of the package nothing is loaded.
"""

from importlib.util import find_spec

if find_spec("httpx2") is None:
    raise ImportError("recommender.client needs httpx2, not installed: pip install 'recommender[client]'")

from recommender.client.answers import (
    Alternate,
    CuratedLink,
    Hit,
    Hits,
    Image,
    Item,
    Linked,
    Outcome,
    Posted,
    Provider,
    Ready,
    Related,
    Story,
    Term,
    Why,
)
from recommender.client.awaited import AsyncClient
from recommender.client.clients import Client
from recommender.client.curation import Audit, Concern, Curation, Done, Ordered, Titled
from recommender.client.options import Options, Reason, RelatedOptions
from recommender.client.problems import (
    ClientError,
    Fault,
    Forbidden,
    NotFound,
    ProblemError,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
)
from recommender.client.reports import (
    Bin,
    Clicks,
    Compared,
    Data,
    Evaluation,
    Lead,
    Model,
    Models,
    Reliability,
    Report,
    System,
)

__all__ = [
    "Alternate",
    "AsyncClient",
    "Audit",
    "Bin",
    "Clicks",
    "Client",
    "ClientError",
    "Compared",
    "Concern",
    "CuratedLink",
    "Curation",
    "Data",
    "Done",
    "Evaluation",
    "Fault",
    "Forbidden",
    "Hit",
    "Hits",
    "Image",
    "Item",
    "Lead",
    "Linked",
    "Model",
    "Models",
    "NotFound",
    "Options",
    "Ordered",
    "Outcome",
    "Posted",
    "ProblemError",
    "Provider",
    "Ready",
    "Reason",
    "Related",
    "RelatedOptions",
    "Reliability",
    "Report",
    "Story",
    "System",
    "Term",
    "Titled",
    "Unauthorized",
    "UnexpectedAnswer",
    "Unreachable",
    "Why",
]
