"""How blocks of work are run: the same blocks, the same answer, in order, wherever they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Protocol

from recommender.engine.here import AHEAD, Block, Result, Shared, cores, local, processes
from recommender.errors import MissingExtra, UsageError

__all__ = ["AHEAD", "ENGINES", "NAMES", "Engine", "cores", "local", "opened", "processes"]


class Engine(Protocol):
    """Runs ``function(shared, block)`` for every block.

    ``shared`` is what all blocks read; it travels once, not with every block.
    """

    def __call__(
        self, function: Callable[[Shared, Block], Result], shared: Shared, blocks: Iterable[Block]
    ) -> Iterator[Result]:
        """Yield the results in the order of the blocks."""
        ...


ENGINES: dict[str, Engine] = {"local": local, "processes": processes}
"""Those of this machine, which are functions and need nothing to be opened."""

NAMES = (*ENGINES, "dask")
"""All that ``opened`` knows."""


@contextmanager
def opened(name: str, scheduler: str = "") -> Iterator[Engine]:
    """Give an engine for the time of a ``with`` block.

    ``scheduler`` is the address of a Dask cluster, read by ``dask`` alone;
    without one that engine starts workers here and ends them afterwards.
    Raises ``UsageError`` for an engine there is not or an address that none
    can be, ``MissingExtra`` without Dask, ``EngineUnavailable`` where no
    scheduler answers.
    """
    if name == "dask":
        if find_spec("distributed") is None:
            raise MissingExtra("dask needs distributed, not installed here: pip install 'recommender[dask]'")
        # Only here: an import of stories, or a question, is done before Dask is loaded.
        from recommender.engine.dask import cluster

        with cluster(scheduler) as engine:
            yield engine
    elif name in ENGINES:
        yield ENGINES[name]
    else:
        raise UsageError(f"no engine {name!r}; there are: {', '.join(NAMES)}")
