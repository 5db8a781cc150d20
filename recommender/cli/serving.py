"""Commands that answer readers: serve, and demo, which makes something to serve first."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from recommender import engine, logs, settings
from recommender.cli import show
from recommender.cli.context import DONE, Context, current
from recommender.cli.keeping import keeping
from recommender.errors import NothingToLearn, UsageError
from recommender.settings import Settings

SEED = "https://www.mic.com/p/amazon-is-banning-cops-from-using-its-facial-recognition-tech-for-one-year-22976063"
"""The first story of ``seeds/``: what a demo asks for."""

PLACES = (Path("seeds"), Path(__file__).parents[2] / "seeds")
"""Where the sample stories may be: here, or beside the source. An installed package does not carry them."""

SERVER: Final[dict[str, Any]] = {
    "app": "recommender.api:app_factory",
    "factory": True,
    "http": "recommender.connections:Connection",  # by its name, for processes that do not serve themselves
    "ws": "none",
    "log_level": "error",  # what anybody sends that is no HTTP is a warning of its own
    "access_log": False,  # has the keys of queries in it; what the setting asks for is our own
    "proxy_headers": False,  # no answer hangs on who asks, or on how
    "server_header": False,  # no reader's business
}
"""How uvicorn is set up."""

_DESCRIPTORS: Final = 65_536
"""Open files of a process at most, if the system has so many for it."""


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(serve)
    app.command()(demo)


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help=Settings.model_fields["host"].description)] = None,
    port: Annotated[int | None, typer.Option(help=Settings.model_fields["port"].description)] = None,
    workers: Annotated[int | None, typer.Option(help=Settings.model_fields["workers"].description)] = None,
) -> None:
    """Answer GET /related over HTTP.

    Example:  recommender serve --port 8000 --workers 2
    """
    here = current(context)
    chosen = {"host": host, "port": port, "workers": workers}
    given = {name: value for name, value in chosen.items() if value is not None}
    final = settings.load(None, **{**dict(here.settings), **given})
    # The web server does what it is told by the signal, and raises it again when all is done.
    signal.signal(signal.SIGTERM, _ended)
    with listening(final) as taken:
        here.say(f"GET {address(taken)}/related?url=…   Ctrl-C ends it.")
        run(final, taken)


def _ended(*_: object) -> None:
    """End as told, with nothing failed, whatever is under way."""
    sys.exit(DONE)


def listening(chosen: Settings) -> socket.socket:
    """Take the port before anything else is done; raises ``UsageError`` where it cannot be had."""
    try:
        taken = socket.create_server((chosen.host, chosen.port), family=_family(chosen.host), backlog=2048)
    except OSError as error:
        raise UsageError(
            f"{chosen.host}:{chosen.port} cannot be listened on: {error.strerror}; choose another --port"
        ) from None
    # Its connections inherit it.  asyncio sets it only where it made the socket: without it the body of an
    # answer waits 40 ms for the reader to acknowledge the headers.
    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return taken


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def address(taken: socket.socket) -> str:
    """Write where a socket listens as the beginning of a URL."""
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(chosen: Settings, taken: socket.socket) -> None:
    """Serve with these settings on this socket until interrupted."""
    # A web server is not needed by the other commands, which start faster without.
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    os.environ.update(chosen.environment())
    allow_descriptors()
    config = uvicorn.Config(
        **SERVER,
        workers=chosen.workers,
        log_config=logs.configuration(chosen.log),
        timeout_graceful_shutdown=chosen.shutdown,
    )
    with keeping(chosen):
        if chosen.workers > 1:
            Multiprocess(config, sockets=[taken]).run()
        else:
            uvicorn.Server(config).run(sockets=[taken])


def allow_descriptors() -> None:
    """Allow this process, and those it starts, as many open files as it may have: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(_DESCRIPTORS, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def demo(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help=Settings.model_fields["port"].description)] = None,
    seeds: Annotated[Path | None, typer.Option(help="Folder of the sample stories.", metavar="DIR")] = None,
    serving: Annotated[bool, typer.Option("--serve/--no-serve", help="Answer until interrupted.")] = True,
) -> None:
    """Import the sample newsroom, train, recompute and serve it, on a store that is gone afterwards.

    Example:  recommender demo --port 8123
    """
    here = current(context)
    folder = seeds or next((place for place in PLACES if place.is_dir()), None)
    if folder is None or not folder.is_dir():
        raise UsageError(f"no sample stories in {folder or 'seeds/'}; name their folder with --seeds")
    with ExitStack() as ended:
        made = ended.enter_context(tempfile.TemporaryDirectory(prefix="recommender-demo-"))
        chosen = {
            "store": f"sqlite:///{made}/demo.sqlite",
            "models": Path(made) / "models",
            "site": "",  # one newsroom, open to all, whatever is set for those served elsewhere
            "sites": (),
            "read": "open",
            "port": here.settings.port if port is None else port,
        }
        final = settings.load(None, **{**dict(here.settings), **chosen})
        taken = ended.enter_context(listening(final))
        _prepare(Context(final, here.quiet, here.verbose), folder)
        # Not through the console, which would break the line that is to be copied.
        typer.echo(f"\nThe page:    {address(taken)}/")
        typer.echo(f"A question:  curl -s '{address(taken)}/related?{urlencode({'url': SEED})}'\n")
        if serving:
            # Ended by a supervisor, too, it takes its store with it.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            here.say("Ctrl-C ends the demo.")
            run(final, taken)


def _prepare(here: Context, folder: Path) -> None:
    """Run the commands a publisher runs, in their order."""
    from recommender.pipeline.importing import import_paths
    from recommender.pipeline.recomputing import recompute
    from recommender.pipeline.training import train

    with here.open(create=True) as store:
        imported = import_paths(store, [folder], here.progress, here.settings.tzinfo)
        show.rejections(imported, here.err)
        try:
            report = train(store, here.models, progress=here.progress).report
        except NothingToLearn as error:
            report = {}
            here.say(f"Not trained: {error}")
        done = recompute(store, here.models, here.settings.neighbours, engine.local, here.progress)
    if "systems" in report:
        here.out.print(show.evaluation(report))
    here.out.print(
        f"\n{done.stories} stories imported, ranked by model {done.model}, generation {done.generation}",
        markup=False,
    )
