"""The default ranker: what newsrooms have in common, for one that has no links of its own, or few.

A weighted mean of similarities that fade with time.  Only its weights were
learned (``mixing.select``, from three newsrooms' links by
``benchmarks/default_ranker.py``); ``default.json`` holds them and no text.

So that nobody measures it on stories it learned from, the file also has, for
each newsroom, the linked stories by hash, and the weights learned without it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import blake2s
from importlib.resources import files
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from recommender.features import NAMES
from recommender.pointing import DEFAULT
from recommender.ranker import Ranker

NAME: Final = DEFAULT
"""What recomputes and evaluations call it."""

SHARPNESS: Final = 10.0
"""Log-odds per unit of the weighted mean, before calibration: about what a fit on one newsroom gives."""

UNTAUGHT: Final = "blend×14d"
"""What ranks before anything is learned, and where links of several of its newsrooms are asked for."""

UNTRAINED: Final = "untrained"
"""What a list that is ranked by that alone is asked for by, to be held beside others."""


def ranker(without: Sequence[str] = ()) -> Ranker:
    """Give the default ranker; where it learned from stories at ``without`` (URLs), one that did not."""
    contents = _contents()
    asked = hashes(without)
    taught = [room for room in contents["newsrooms"] if np.isin(asked, _linked(room)).any()]
    if not taught:
        return _ranker(contents)
    if len(taught) > 1:
        return untrained()
    return _ranker(taught[0]["without"])


def untrained() -> Ranker:
    """Give what ranks without having learned: likeness of texts × exp(−days apart / 14).

    Its order is the baseline's; its scores are no chances.
    """
    return _ranker({**_contents(), "weights": {UNTAUGHT: 1.0}})


def hashes(urls: Iterable[str]) -> NDArray[np.uint64]:
    """Hash URLs to 64 bits each, sorted: practically no two stories have one hash."""
    digests = b"".join(blake2s(url.encode(), digest_size=8).digest() for url in urls)
    return np.sort(np.frombuffer(digests, "<u8"))


def write(newsrooms: Mapping[str, Mapping[str, Any]], learned: Mapping[str, Any]) -> bytes:
    """Write ``default.json``: what was ``learned`` of all newsrooms, and for each of these without it.

    ``learned``, and each newsroom's ``without``, has ``weights``, ``slope`` and
    ``offset``; a newsroom also has ``linked``, its linked stories' URLs.
    """
    rooms = [
        {
            "name": name,
            "linked": b64encode(hashes(room["linked"]).tobytes()).decode(),
            "without": room["without"],
        }
        for name, room in newsrooms.items()
    ]
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    return orjson.dumps({**learned, "newsrooms": rooms}, option=options)


@cache
def _contents() -> dict[str, Any]:
    contents: dict[str, Any] = orjson.loads((files("recommender") / "default.json").read_bytes())
    return contents


def _linked(room: Mapping[str, Any]) -> NDArray[np.uint64]:
    return np.frombuffer(b64decode(room["linked"]), "<u8")


def _ranker(learned: Mapping[str, Any]) -> Ranker:
    weights = np.zeros(len(NAMES))
    for name, weight in learned["weights"].items():
        weights[NAMES.index(name)] = SHARPNESS * weight
    return Ranker.linear(weights, learned["slope"], learned["offset"])
