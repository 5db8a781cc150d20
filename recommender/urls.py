"""The normal form of a story's address: the key under which every form of it is found.

A reader may have a story's address with or without ``www.``, over ``http``,
with a campaign's parameters, as an AMP page or from an AMP cache.  ``canonical``
maps all of them to one key where a rule can; where a publisher's AMP address
shares nothing with the story's own (``mobile.example.com/article/amp/id9``),
the alias table joins them, from the addresses the story's document lists.

Two different stories must never share a key, so a rule that could join them
is left out.  Three that others apply are not applied here:

* the case of a path is kept: servers tell ``/aB`` from ``/ab``, and short ids rely on it;
* ``m.`` and ``mobile.`` hosts are kept: their paths are often numbered in a space of their own;
* a parameter not known to be for tracking is kept: it may select the story.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache

import ada_url

from recommender.amp import asks_for_amp, cached, shows_others, without_mark
from recommender.errors import InvalidURL

MAX_LENGTH = 2_048
"""Longest address, in characters, as written and percent-encoded: what browsers and proxies carry."""

TRACKING_PREFIXES = ("utm_", "itm_", "at_", "guce_", "bt_", "hsa_", "pk_", "mtm_")
"""Beginnings of names of parameters that say where a reader came from."""

_CLICKS = """
    fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid ysclid twclid ttclid igshid igsh li_fat_id epik
    mc_cid mc_eid mkt_tok _ga _gl _hsenc _hsmi vero_id oly_enc_id oly_anon_id __twitter_impression taid
    amp_js_v amp_gsa amp_ct amp_tf usqp aoh
"""  # of advertisements, social networks, mail campaigns and AMP viewers
_HOUSE = """
    ncid cmpid cmp ref feedref refsec partner mod ico ito ocid ftag ipid smid smtyp guccounter soc_src soc_trk
    feedtype feedname rssfeed intlink_from_url link_location sr_share _mc cmpscreen
"""  # of publishers, in the links of their own pages and feeds
TRACKING = frozenset(f"{_CLICKS} {_HOUSE}".split())
"""Names, in lower case, of parameters that say where a reader came from and never which story."""

_SCHEME = re.compile(r"https?:[/\\]*([^/\\?#]*)", re.IGNORECASE)
# Three addresses in four are plain: nothing in them to decode, drop or refuse but the scheme, "www." and a
# slash.  They need no parser; the tests hold both ways against each other.
_PLAIN = re.compile(
    r"https?://(?:www\.)?((?!www\.)(?:[a-z0-9]++(?:-[a-z0-9]++)*+\.)+[a-z]{2,})((?:/[\w~-][\w.~-]*+)*+)/?",
    re.ASCII,
)
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Controls, zero-width and bidirectional characters, lone surrogates: two addresses that look alike."""

_SELECTORS = re.compile("[\ufe00-\ufe0f]")
"""Variation selectors: part of an emoji in a path, where they stay; in a host they would vanish."""

_PERCENT = re.compile("%([0-9A-Fa-f]{2})?")
_MARKS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!'()*")
"""Characters that mean the same raw or encoded: RFC 3986's unreserved and RFC 2396's marks."""

_SLASHES = re.compile("//+")
_BLANK_ENDS = ("/", "%20", "%C2%A0", "%E2%80%A8", "%E2%80%A9")
"""What a path ends with by accident: a slash, a space, a no-break space, a line or paragraph separator."""


# Stories repeat each other's links and their providers' pictures; readers ask for the same few stories.
@lru_cache(maxsize=16_384)
def canonical(url: str) -> str:
    """Return the normal form of a story's address.

    Args:
        url: an absolute ``http`` or ``https`` address, at most ``MAX_LENGTH`` characters.

    Returns:
        ``https://host/path?query``.  It is a key; for most addresses, but not
        for all, it also leads to the page.  The normal form of a normal form
        is itself.

    Raises:
        InvalidURL: it is not such an address, names a user, or holds
            characters that cannot be seen.
    """
    if len(url) > MAX_LENGTH:
        raise InvalidURL(f"{_quote(url.strip())} is longer than {MAX_LENGTH:,} characters")
    if len(url) < MAX_LENGTH and (plain := _PLAIN.fullmatch(url)) and not _is_special(url):
        return f"https://{plain[1]}{plain[2] or '/'}"
    return _normalised(url)


def _is_special(url: str) -> bool:
    return "amp" in url.lower() or "/index.htm" in url


def _normalised(url: str) -> str:
    host, path, query = _split(url)
    host = _host(host)
    while (target := cached(host, path, query)) is not None:
        host, path, query = _split(target)
        host = _host(host)
    key = f"https://{host}{_path(path)}{_query(query)}"
    if key != url and shows_others(host):
        # Only now it may have become readable: a doubled slash is gone, for instance.
        return _normalised(key)
    if len(key) > MAX_LENGTH:
        raise InvalidURL(f"{_quote(url)} is longer than {MAX_LENGTH:,} characters once encoded")
    return key


def domain(url: str) -> str:
    """Return the host of a story's address without ``www.`` and port, as a provider's ``domain`` is written.

    Raises:
        InvalidURL: as ``canonical``.
    """
    host = canonical(url).split("/", 3)[2]
    return re.sub(r":\d+$", "", host)


def story_key(title: str, published: datetime | None, provider: str) -> str:
    """Return the key of a story that is known without an address.

    Args:
        title: in any case, width and spacing.
        published: an aware time, or ``None``; compared to the second.
        provider: the provider's domain (or name), in any case.

    Returns:
        ``story:`` and 32 hexadecimal digits; never equal to a normal form.
    """
    words = " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", title).casefold()).split())
    moment = published.astimezone(UTC).isoformat(timespec="seconds") if published else ""
    text = f"{words}\n{moment}\n{provider.strip().lower()}"
    return "story:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _quote(url: str) -> str:
    return repr(url if len(url) <= 80 else url[:79] + "…")


def _split(url: str) -> tuple[str, str, str]:
    """Return host with port, path without its first slash, and query; the fragment is dropped."""
    text = url.strip()
    if len(text) > MAX_LENGTH:
        raise InvalidURL(f"{_quote(text)} is longer than {MAX_LENGTH:,} characters")
    # What is plain ASCII needs no search.
    if not (text.isascii() and text.isprintable()) and (found := _INVISIBLE.search(text)):
        raise InvalidURL(f"{_quote(text)} holds the invisible character U+{ord(found[0]):04X}")
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise InvalidURL(f"{_quote(text)} is not an address that starts with http:// or https://")
    if not scheme[1].isascii() and (found := _SELECTORS.search(scheme[1])):
        raise InvalidURL(f"{_quote(text)} holds the invisible character U+{ord(found[0]):04X}")
    if "@" in scheme[1]:
        raise InvalidURL(f"{_quote(text)} names a user before its host")
    if "%" in scheme[1]:
        # Decoding could drop an invisible character: exa%E2%80%8Bmple.com would become example.com.
        raise InvalidURL(f"{_quote(text)} has an encoded character in its host")
    try:
        address = ada_url.normalize_url(text)
    except ValueError:
        raise InvalidURL(f"{_quote(text)} has no host, or one that cannot be") from None
    front, _, query = address.partition("#")[0].partition("?")
    host, _, path = front.partition("://")[2].partition("/")
    return host, path, query


def _host(host: str) -> str:
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        # http and https are one here, so the default port of either is no port.
        host = name if port in {"80", "443"} else host
    else:
        name = host
    if name.endswith("."):
        host = host.replace(name, name[:-1], 1)
    while host.startswith(("www.", "amp.")) and "." in host[4:]:
        host = host[4:]
    return host


def _decoded(found: re.Match[str]) -> str:
    """Return an encoded character raw where that is the same, a percent sign that encodes nothing encoded."""
    if found[1] is None:
        return "%25"
    character = chr(int(found[1], 16))
    return character if character in _MARKS else found[0].upper()


def _path(path: str) -> str:
    path = "/" + path
    if "%" in path:
        path = _PERCENT.sub(_decoded, path)
    if "//" in path:
        path = _SLASHES.sub("/", path)
    # A rule can uncover what an earlier one removes: /story-1/index.html/amp/.
    while True:
        shorter = _shorter(path)
        if shorter == path:
            return path or "/"
        path = shorter


def _shorter(path: str) -> str:
    while path.endswith(_BLANK_ENDS):
        for end in _BLANK_ENDS:
            path = path.removesuffix(end)
    path = path.removesuffix("/index.html").removesuffix("/index.htm")
    return without_mark(path) if "amp" in path.lower() else path


def _query(query: str) -> str:
    if not query:
        return ""
    if "%" in query:
        query = _PERCENT.sub(_decoded, query).replace("%20", "+")
    kept = [part for part in map(_unescaped, query.split("&")) if part and not _is_noise(part)]
    if not kept:
        return ""
    # Sorted by name only: the values of a repeated name may be in an order that matters.
    kept.sort(key=lambda part: part.partition("=")[0])
    return "?" + "&".join(kept)


def _unescaped(part: str) -> str:
    """Undo ``&amp;`` between parameters, as copied from a page's source."""
    while part.startswith("amp;"):
        part = part[4:]
    return part


def _is_noise(part: str) -> bool:
    name, _, value = part.lower().partition("=")
    return name in TRACKING or name.startswith(TRACKING_PREFIXES) or asks_for_amp(name, value)
