"""What the program logs: lines for people or JSON for machines, with their request's id, and no secret.

::

    {"time": "2026-11-23T14:25:34.120Z", "level": "warning", "logger": "recommender.api.problems",
     "message": "store-unavailable: …", "request": "9f2c41aa-1a3", "process": 4711}
"""

from __future__ import annotations

import logging
import logging.config
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson

Kind = Literal["text", "json"]

ACCESS: Final = "recommender.access"
"""The logger that has a record for every request, where that is asked for."""

request_id: ContextVar[bytes] = ContextVar("request_id", default=b"")
"""The id of the request that is being answered; none outside of one."""

_SECRETS: Final = (
    (re.compile(r"\brec_[\w-]{8,}"), "rec_***"),
    (re.compile(r"([?&]key=)[^&\s\"'#]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(x-api-key\W{1,6}(?:b['\"])?)[^\s\"',)]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(://[^\s/:@\"']*:)\S{1,256}@"), r"\1***@"),
    (re.compile(r"(password=)(?:'[^']*'|[^\s&\"']+)", re.IGNORECASE), r"\1***"),
)
"""API keys, wherever they stand; keys in queries and headers; passwords in URLs and in what libpq is told."""


def without_secrets(told: str) -> str:
    """Put stars for what opens anything."""
    for secret, shown in _SECRETS:
        told = secret.sub(shown, told)
    return told


class Lines(logging.Formatter):
    """A line for people: when, how grave, who says it, what, and in which request."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record, and the traceback of an error below it."""
        request = request_id.get().decode("ascii")
        told = super().format(record)
        head = f"{_time(record)} {record.levelname} {record.name}{f' [{request}]' if request else ''}: "
        # As JSON: who asks can write line ends into a path.
        fields = "".join(f" {name}={orjson.dumps(value).decode()}" for name, value in _fields(record).items())
        return without_secrets(head + told + fields)


class JSONLines(logging.Formatter):
    """A line of JSON for machines; ``fields`` of a record stand beside what every record has."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record, the traceback of an error in it."""
        written: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        if request := request_id.get():
            written["request"] = without_secrets(request.decode("ascii"))
        for name, value in _fields(record).items():
            written[name] = without_secrets(value) if isinstance(value, str) else value
        if record.exc_info:
            written["error"] = without_secrets(self.formatException(record.exc_info))
        written["process"] = record.process
        return orjson.dumps(written).decode()


def configuration(kind: Kind, level: str = "WARNING") -> dict[str, Any]:
    """Say how to log, as ``logging.config`` wants it: what is of ``level`` or graver, to stderr."""
    formatter = {"text": Lines, "json": JSONLines}[kind]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"told": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "told"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {ACCESS: {"level": "INFO"}},
    }


def install(kind: Kind, level: str = "WARNING") -> None:
    """Log so from now on, in this process."""
    logging.config.dictConfig(configuration(kind, level))


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields
