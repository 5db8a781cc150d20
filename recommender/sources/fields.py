"""Single values of a document, of whatever type it gives them, as the type they should have.

Front matter gives strings, JSON gives numbers and booleans, and people give
lists where a string was meant.  A value that cannot be read is left out with a
warning; it never loses the story.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any

from recommender.articles import Image, Provider
from recommender.errors import InvalidURL
from recommender.urls import canonical, domain

MAX_TITLE = 1_000
"""Characters of a title that are kept."""
MAX_TEXT = 20_000
"""Characters of any other text that are kept."""
MAX_ITEMS = 200
"""Entries of a list of words or images that are kept."""
YEARS = range(1900, 2201)
"""Years a story can be published in."""

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LINK = re.compile("https?://", re.IGNORECASE)
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Fields:
    """The fields of one document, and the warnings of reading them.

    Args:
        values: the document's plain values by name.
        warnings: where to add what was not understood.
        place: how to name this document within its file, ``related[3].`` for instance.
        zone: where its clocks hang: of times that do not say.
    """

    def __init__(
        self, values: Mapping[str, Any], warnings: list[str], place: str = "", zone: tzinfo = UTC
    ) -> None:
        self._values = values
        self._warnings = warnings
        self._place = place
        self._zone = zone

    def warn(self, name: str, trouble: str) -> None:
        """Add a warning about the field ``name``."""
        self._warnings.append(f"{self._place}{name} {trouble}")

    def text(self, name: str, limit: int = MAX_TEXT) -> str:
        """Return a text without control characters and outer spaces, cut to ``limit`` characters."""
        value = self._values.get(name)
        if value is None or value == "":
            return ""
        if not isinstance(value, str):
            if isinstance(value, bool) or not isinstance(value, int | float):
                self.warn(name, f"is {_kind(value)}, not a text: left out")
                return ""
            value = str(value)
        value = clean(value)
        if len(value) > limit:
            self.warn(name, f"has {len(value):,} characters: cut to {limit:,}")
            value = value[:limit].rstrip()
        return value

    def line(self, name: str, limit: int = MAX_TITLE) -> str:
        """Return a text as one line: any run of white space is one space."""
        # Most fields are absent in most stories.
        return " ".join(self.text(name, limit).split()) if name in self._values else ""

    def url(self, name: str) -> str:
        """Return an address that is safe to link, as written, or an empty string."""
        value = self._values.get(name)
        if value is None or value == "":
            return ""
        if not isinstance(value, str):
            self.warn(name, f"is {_kind(value)}, not an address: left out")
            return ""
        value = value.strip()
        try:
            key = canonical(value) if value else ""
        except InvalidURL as error:
            self.warn(name, f"left out: {error}")
            return ""
        # "https:/a.example" is an address to an address bar, but in a link a path of the page's own host.
        return value if _LINK.match(value) else key

    def number(self, name: str) -> float | None:
        """Return a finite number, or ``None``."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            self.warn(name, "is not a finite number: left out")
            return None
        return number

    def size(self, name: str) -> int | None:
        """Return a positive whole number of pixels, or ``None``."""
        number = self.number(name)
        return int(number) if number is not None and 0 < number < 1e9 else None

    def boolean(self, name: str) -> bool | None:
        """Return true or false, or ``None``."""
        value = self._values.get(name)
        if value is None or value == "" or isinstance(value, bool):
            return value or (None if value == "" else value)
        # Only of what is plain: to write a list of lists as text may overflow the stack.
        answer = _BOOLEANS.get(str(value).strip().lower()) if isinstance(value, str | int | float) else None
        if answer is None:
            self.warn(name, "is neither true nor false: left out")
        return answer

    def moment(self, name: str) -> datetime | None:
        """Return a time in UTC, from ISO 8601 or RFC 2822."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        found = _moment(value, self._zone) if isinstance(value, str) else None
        if found is None:
            self.warn(name, f"is not a time in {YEARS.start}–{YEARS.stop - 1}: left out")
        return found

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, each once, in order; a single text counts as a list of one."""
        found: dict[str, None] = {}
        for item in self._items(name):
            word = item
            if not isinstance(item, str) or len(item) > MAX_TITLE:
                word = Fields({name: item}, self._warnings, f"{self._place}an entry of ").text(
                    name, MAX_TITLE
                )
            if word := " ".join(clean(word).split()):
                found[word] = None
        return tuple(found)

    def images(self, name: str) -> tuple[Image, ...]:
        """Return a list of pictures; one without an address that is safe to link is left out."""
        found: list[Image] = []
        for place, item in enumerate(self._items(name)):
            values = {"url": item} if isinstance(item, str) else item
            if not isinstance(values, Mapping):
                self.warn(f"{name}[{place}]", f"is {_kind(item)}, not an image: left out")
                continue
            fields = Fields(values, self._warnings, f"{self._place}{name}[{place}].")
            if url := fields.url("url"):
                width, height = fields.size("width"), fields.size("height")
                found.append(Image(url, width, height, fields.boolean("isCached"), fields.line("title")))
        return tuple(found)

    def provider(self, name: str) -> Provider:
        """Return the provider; a text in its place is its name."""
        value = self._values.get(name)
        if value is None:
            return Provider()
        values = {"name": value} if isinstance(value, str) else value
        if not isinstance(values, Mapping):
            self.warn(name, f"is {_kind(value)}, not a provider: left out")
            return Provider()
        fields = Fields(values, self._warnings, f"{self._place}{name}.")
        domain = fields.line("domain").lower()
        return Provider(fields.line("name"), domain, fields.images("images"))

    def _items(self, name: str) -> Iterator[Any]:
        """Yield the entries of a list that are not null, as many as are kept."""
        value = self._values.get(name)
        if value is None:
            return
        items = value if isinstance(value, list | tuple) else [value]
        if len(items) > MAX_ITEMS:
            self.warn(name, f"has {len(items):,} entries: cut to {MAX_ITEMS}")
        yield from (item for item in items[:MAX_ITEMS] if item is not None)


def domain_or_empty(url: Any) -> str:
    """Return the host of an address as a provider's domain, or an empty string where there is none."""
    try:
        return domain(url) if isinstance(url, str) else ""
    except InvalidURL:
        return ""


def clean(text: str) -> str:
    """Return a text without control characters, lone surrogates and outer spaces; line breaks are kept."""
    if not text.isprintable():
        text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.strip()


def _kind(value: object) -> str:
    """Name a value's kind in words of the document, not of Python."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def _moment(text: str, zone: tzinfo) -> datetime | None:
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
        if text.endswith("-0000"):  # RFC 2822: UTC, by a clock somewhere else
            zone = UTC
    # The year is looked at first: moving year 1 or 9999 to UTC overflows.
    if moment.year not in YEARS:
        return None
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)
