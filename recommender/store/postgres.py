"""Connections to PostgreSQL that wait for it so long, and no longer.

A server that is busy ends a statement itself (``statement_timeout``).  One that
is frozen, or behind a network that is cut, ends nothing, and its kernel may go on
acknowledging what it is sent: so whoever waits counts the seconds in which
nothing comes, and then closes the connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import URL, Engine, create_engine, event

CONNECTING: Final = 2.0
"""Seconds that a connection is waited for at least; libpq knows no less."""

GRACE: Final = 1.0
"""Seconds after its own limit in which a server may say that it was reached."""

_ALIVE: Final = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}
"""How the server looks whether we live: after so many seconds, then every so many; the dead hold no locks."""


class _Connection(psycopg.Connection[Any]):
    """A connection that is closed when the server says nothing for ``silence`` seconds."""

    silence = 2 * CONNECTING

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        """Run a conversation with the server; raises OperationalError when it has ended without a word."""
        return super().wait(self._heard(gen), *args, **kwargs)

    def _heard(self, conversation: PQGen[RV]) -> PQGen[RV]:
        last = monotonic()
        try:
            wanted = next(conversation)
            while True:
                ready = yield wanted
                if ready:
                    last = monotonic()
                elif monotonic() - last > self.silence:
                    self.close()
                    raise psycopg.OperationalError(f"the server said nothing for {self.silence:g} s")
                wanted = conversation.send(ready)
        except StopIteration as ended:
            value: RV = ended.value
            return value


def engine(url: URL, patience: float, statement: float | None, pool: Mapping[str, Any]) -> Engine:
    """Make an engine whose statements wait ``patience`` seconds for a lock.

    A statement may take ``statement`` seconds; ``None`` is for long work,
    which is given up when the server has said nothing for twelve times the
    patience.  Raises ImportError without psycopg.
    """
    short = patience + GRACE
    silence = 12 * patience if statement is None else statement + GRACE
    settings = {
        "lock_timeout": round(patience * 1_000),
        "statement_timeout": 0 if statement is None else round(statement * 1_000),
        **_ALIVE,
    }
    configure = "; ".join(f"SET {name} = {value}" for name, value in settings.items())
    made = create_engine(
        url,
        connect_args={"connect_timeout": max(CONNECTING, patience)},
        pool_pre_ping=True,  # a database that was restarted comes back without a failed answer
        **pool,
    )

    @event.listens_for(made, "do_connect")
    def _connect(_dialect: object, _record: object, args: Any, kwargs: Any) -> _Connection:
        connection = _Connection.connect(*args, **kwargs)
        connection.silence = short
        connection.execute(configure)
        connection.commit()
        return connection

    # Whether a server is there at all, which is asked before, is never long work.
    @event.listens_for(made, "checkout")
    def _take(connection: _Connection, _record: object, _fairy: object) -> None:
        connection.silence = silence

    @event.listens_for(made, "checkin")
    def _give_back(connection: _Connection | None, _record: object) -> None:
        if connection is not None:
            connection.silence = short

    return made
