"""``migrate``: brings the database to this program's tables. ``up`` runs it before the API and the worker."""

from typing import Annotated

import typer

from server.cli.loop import run
from server.cli.output import CHILD_FAILED, CliError, JsonOption, Out
from server.settings import load_settings


def register(app: typer.Typer) -> None:
    @app.command()
    def migrate(
        login: Annotated[
            str | None,
            typer.Option("--for", help="A login role that the API and the worker will use; it needs no other right."),
        ] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Bring the database up to date. Applied migrations stay as they are; a second time changes nothing."""
        from db.errors import DatabaseUnavailable, WrongDatabase
        from db.migrate import migrate as bring_up_to_date

        url = load_settings().database_url
        if url is None:
            raise CliError(
                "there is no database to migrate: MILLSTREAM_DATABASE_URL is not set",
                "'millstream up' starts an own database and migrates it",
            )
        try:
            applied = run(bring_up_to_date(url, login=login))
        except DatabaseUnavailable as error:
            raise CliError(str(error)) from error
        except WrongDatabase as error:
            raise CliError(str(error), exit_code=CHILD_FAILED) from error
        out = Out(as_json)
        out.result(
            {"applied": list(applied)},
            f"applied {', '.join(applied)}" if applied else "the database is up to date",
        )
