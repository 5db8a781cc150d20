"""Whether who asks would rather have a page than JSON."""

from __future__ import annotations

import math
from typing import Final

_HTML: Final = ("text/html", "text/*", "*/*")
_JSON: Final = ("application/json", "application/*", "*/*")


def prefers_html(accept: str) -> bool:
    """Tell whether an ``Accept`` header names HTML above JSON, as browsers' do (RFC 9110, 12.5.1).

    Programs that say nothing, that anything will do, or that both are as good, get JSON.
    """
    stated: dict[str, float] = {}
    for each in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in each.split(";"))
        qualities = [value for name, _, value in (one.partition("=") for one in parameters) if name == "q"]
        stated[kind] = _quality(qualities[0]) if qualities else 1.0
    html, json = (next((stated[kind] for kind in kinds if kind in stated), 0.0) for kinds in (_HTML, _JSON))
    return html > json


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return min(1.0, max(0.0, quality)) if math.isfinite(quality) else 0.0
