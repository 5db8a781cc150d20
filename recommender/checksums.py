"""Bytes that tell whether they are what was written: what a database, a disk or a hand changed is seen."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final
from zlib import crc32

SIZE: Final = 16
"""Bytes of a checksum."""

SHORT: Final = 4
"""Bytes of a short one."""

_RESIDUE: Final = crc32(bytes(SHORT))
"""The CRC of any bytes that have their own behind them: it is so of none."""


def stamped(body: bytes) -> bytes:
    """Put a checksum behind ``body``."""
    return body + _checksum(body)


def verified(packed: bytes) -> bytes:
    """Give the bytes that ``stamped`` was given; raises ``ValueError`` where any of them is another."""
    body = packed[:-SIZE]
    if packed[-SIZE:] != _checksum(body):
        raise ValueError("not what was written: cut short or changed, or another program's")
    return body


def marked(body: bytes) -> bytes:
    """Put a short checksum behind ``body``, CRC-32: 0.3 µs for fifty neighbours."""
    return body + crc32(body).to_bytes(SHORT, "little")


def unmarked(packed: bytes) -> bytes:
    """Give the bytes that ``marked`` was given; raises ``ValueError`` where any of them is another.

    Sees every change of up to 32 bits that stand together, and all others but one in 4,000,000,000.
    """
    if crc32(packed) != _RESIDUE:
        raise ValueError("cut short or changed")
    return packed[:-SHORT]


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=SIZE).digest()
