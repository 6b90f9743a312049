"""``up``, ``down`` and ``status``: the stack of this home."""

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from server.cli.loop import run
from server.cli.output import CliError, JsonOption, Out
from server.settings import Settings, load_settings

if TYPE_CHECKING:
    from server.embedded.state import StackState


def register(app: typer.Typer) -> None:
    @app.command()
    def up(
        detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once the stack runs; it stays.")] = False,
        background: Annotated[bool, typer.Option("--background", hidden=True)] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Start the stack of this home and keep it running. One that runs already is found, and what is dead of it restarted."""
        from server.embedded.errors import StackError

        settings = load_settings()
        out = Out(as_json)
        try:
            run(_up_detached(settings, out) if detach else _up(settings, out, background))
        except StackError as error:
            raise CliError(str(error)) from error

    @app.command()
    def down(as_json: JsonOption = False) -> None:
        """Stop the stack of this home, all of it, in good order."""
        from server.embedded.control import stop_running
        from server.embedded.errors import StackError

        settings = load_settings()
        try:
            stopped = run(stop_running(settings.home))
        except StackError as error:
            raise CliError(str(error)) from error
        line = "The stack is stopped." if stopped else f"No stack is running under {str(settings.home)!r}."
        Out(as_json).result({"stopped": stopped}, line)

    @app.command()
    def status(as_json: JsonOption = False) -> None:
        """Show what runs in this home. The exit code is 3 when nothing does."""
        from server.embedded.state import read_state
        from server.version import product_version

        settings = load_settings()
        state = read_state(settings.home, product_version())
        out = Out(as_json)
        if as_json:
            out.json(state.to_json())
        else:
            out.fields(_shown(state))
        if state.state == "stopped":
            raise typer.Exit(3)


async def _up(settings: Settings, out: Out, background: bool) -> None:
    """`background`: whoever started this process tells when the stack runs."""
    from server.embedded.control import find_running
    from server.embedded.errors import HomeTaken
    from server.version import product_version

    while True:
        running = await find_running(settings.home, product_version())
        if running is not None:
            _announce(out, running, "Millstream runs already")
            return
        try:
            await _keep_up(settings, out, background)
        except HomeTaken:
            # Another start was faster by a moment: its stack can be found as soon as it has said who it is.
            await asyncio.sleep(0.1)
        else:
            return


async def _keep_up(settings: Settings, out: Out, background: bool) -> None:
    from server.embedded.stack import Stack

    stop = asyncio.Event()
    stack = Stack(settings, report=out.note)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, stack.hurry)

    def ready(state: "StackState") -> None:
        if background:
            return
        _announce(out, state, "Millstream is up")
        out.note("Ctrl-C stops it.")

    await stack.run(stop, ready=ready)


async def _up_detached(settings: Settings, out: Out) -> None:
    from server.embedded.control import start_in_background
    from server.version import product_version

    state = await start_in_background(settings, product_version(), report=out.note)
    _announce(out, state, "Millstream is up")


def _announce(out: Out, state: "StackState", line: str) -> None:
    out.result(state.to_json(), f"{line}: {state.url}\nIts API key is in {state.api_key_file}")


def _shown(state: "StackState") -> dict[str, object]:
    """For the eye: without nesting, and without the database's password."""
    url = state.database_url
    if url and (password := urlsplit(url).password):
        url = url.replace(f":{password}@", ":…@", 1)
    pids = state.pids
    return {
        "state": state.state,
        "version": state.version,
        "url": state.url,
        "database": url,
        "temporal": state.temporal_address,
        "api key file": state.api_key_file,
        "home": state.home,
        "supervisor": pids.supervisor,
        "api": pids.api,
        "worker": pids.worker,
        "postgres pid": pids.postgres,
        "temporal pid": pids.temporal,
    }
