"""How often one address, or one key, may ask: counted in each process, in a number for each of them.

That number is the moment at which a bucket is full again, which is all that a
token bucket has to know (GCRA): a request moves it on by what one costs, and is
refused where that would be more than a minute away.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from starlette.types import Scope

from recommender.errors import TooManyRequests

MINUTE: Final = 60.0

MOST: Final = 50_000
"""Addresses and keys that are counted at most, 10 MB: those that asked last."""

READER: Final = "recommender.reader"
"""Where a request's scope has the id of the key that it reads with."""

_WITH_PORT: Final = re.compile(r"^(?:([\d.]+):\d+|\[([^\]]+)\](?::\d+)?)$")
"""How some proxies write an address: one for each connection, were the port to count."""

_ROUNDING: Final = 1e-6
_LONGEST: Final = 64
_SITE: Final = 64
"""Bits of an IPv6 address that are one customer's: who has one address has all of them."""


class Limit:
    """So many requests a minute, at once or one by one, from each of many; ``clock`` gives seconds."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = MINUTE / a_minute
        self._clock = clock
        self._full: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full)

    def take(self, who: str, count: int = 1) -> None:
        """Let a request through that counts as so many, where there is room for one.

        Raises TooManyRequests where there is none.
        """
        now = self._clock()
        full = max(self._full.pop(who, now), now)
        wait = full + self._each - now - MINUTE
        refused = wait > _ROUNDING
        self._full[who] = full if refused else full + count * self._each
        if len(self._full) > MOST:
            self._full.popitem(last=False)
        if refused:
            raise TooManyRequests(wait)


class Limits:
    """The limits of an application, by address and by key; 0 a minute is as many as come.

    ``proxies`` is how many proxies stand in front, each of which adds to
    ``X-Forwarded-For`` whom it was asked by: what is further left anybody can
    have written.  Without one the address is that of the connection.
    """

    def __init__(
        self, reads: int, writes: int, proxies: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reads = Limit(reads, clock) if reads else None
        self._writes = Limit(writes, clock) if writes else None
        self._proxies = proxies

    def __bool__(self) -> bool:
        """Tell whether anything is limited."""
        return self._reads is not None or self._writes is not None

    def address(self, scope: Scope, *, writes: bool, count: int = 1) -> None:
        """Count a request of an address; raises TooManyRequests."""
        limit = self._writes if writes else self._reads
        if limit is not None:
            limit.take(self._asking(scope), count)

    def key(self, number: int, *, writes: bool, count: int = 1) -> None:
        """Count a request of the key of that id; raises TooManyRequests."""
        limit = self._writes if writes else self._reads
        if limit is not None:
            limit.take(f"key {number}", count)

    def more(self, scope: Scope, count: int) -> None:
        """Count a request that reads, and was let through, as so many more; raises TooManyRequests."""
        self.address(scope, writes=False, count=count)
        if READER in scope:
            self.key(scope[READER], writes=False, count=count)

    def _asking(self, scope: Scope) -> str:
        client = scope.get("client")
        peer = client[0] if client else ""
        if self._proxies:
            said = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
            hops = [hop for hop in said.decode("latin-1").split(",")[-self._proxies :] if hop.strip()]
            peer = _WITH_PORT.sub(r"\1\2", hops[0].strip()[:_LONGEST]) if hops else peer
        return network(peer)


@lru_cache(4_096)
def network(address: str) -> str:
    """Name what an address belongs to: itself, or of IPv6 the network of one customer."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((found, _SITE), strict=False))
    return address
