"""`doctor`: what of an installation holds, layer by layer."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from server.cli.loop import run
from server.cli.output import JsonOption, Out
from server.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.doctor.check import Check


def register(app: typer.Typer) -> None:
    @app.command()
    def doctor(as_json: JsonOption = False) -> None:
        """Say for each layer whether it holds. The exit code is 1 when one is unsafe or broken."""
        found = run(_examined(load_settings()))
        out = Out(as_json)
        if as_json:
            out.json([asdict(check) for check in found])
        else:
            out.table(
                ("layer", "state", "what was found"), [(check.layer, check.state, check.found) for check in found]
            )
            for check in found:
                if check.remedy is not None:
                    out.note(f"{check.layer}: {check.remedy}")
        if any(check.state in {"unsafe", "broken"} for check in found):
            raise typer.Exit(1)


async def _examined(settings: Settings) -> Sequence[Check]:
    """Of the stack of this home where one runs, with the addresses that its processes have."""
    from server.doctor.examination import examine
    from server.embedded.postgres import PostgresPlace, service_url
    from server.embedded.state import read_state
    from server.version import product_version

    state = read_state(settings.home, product_version())
    if state.state != "stopped":
        own = None if settings.database_url else service_url(PostgresPlace.under(settings.home))
        settings = settings.model_copy(
            update={
                "database_url": settings.database_url or own,
                "temporal_address": settings.temporal_address or state.temporal_address,
                "port": _port_of(state.url) or settings.port,
            }
        )
    return await examine(settings)


def _port_of(url: str | None) -> int | None:
    from urllib.parse import urlsplit

    return urlsplit(url).port if url else None
