"""`serve` and `worker`: the processes that `up` starts. By hand they are for installations with servers of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from server.cli.loop import run
from server.cli.output import CHILD_FAILED, CliError
from server.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Coroutine


def register(app: typer.Typer) -> None:
    @app.command()
    def serve() -> None:
        """Serve the API and execute runs, until stopped."""
        from server.process import serve as serve_until_stopped

        _run(serve_until_stopped)

    @app.command()
    def worker() -> None:
        """Execute runs, until stopped."""
        from server.process import work

        _run(work)


def _run(process: Callable[[Settings], Coroutine[object, object, None]]) -> None:
    from db.errors import DatabaseUnavailable, WrongDatabase
    from server import logs
    from server.compose import NoDatabase
    from server.doctor.examination import Unsafe
    from server.process import CannotListen
    from workspace.keys import KeyProblem

    settings = load_settings()
    logs.set_up(settings)
    try:
        run(process(settings))
    except (WrongDatabase, KeyProblem, NoDatabase, CannotListen, Unsafe) as error:
        # For good: another attempt would end the same way.
        raise CliError(str(error), exit_code=CHILD_FAILED) from error
    except DatabaseUnavailable as error:
        raise CliError(str(error)) from error
