"""Bytes that tell whether they are what was written: what a database, a disk or a hand changed is seen."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

SIZE: Final = 16
"""Bytes of a checksum."""


def stamped(body: bytes) -> bytes:
    """Put a checksum behind ``body``."""
    return body + _checksum(body)


def verified(packed: bytes) -> bytes:
    """Give the bytes that ``stamped`` was given; raises ``ValueError`` where any of them is another."""
    body = packed[:-SIZE]
    if packed[-SIZE:] != _checksum(body):
        raise ValueError("not what was written: cut short or changed, or another program's")
    return body


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=SIZE).digest()
