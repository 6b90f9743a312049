"""`audit`: who changed what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.client import connect
from server.cli.output import JsonOption, Out, cell

if TYPE_CHECKING:
    from engine.expressions.values import Json
    from server.cli.client import JsonObject

_SHOWN = 100


def register(app: typer.Typer) -> None:
    @app.command()
    def audit(
        who: Annotated[str | None, typer.Option("--who", help="E-mail address, user id, key id or key name.")] = None,
        kind: Annotated[str | None, typer.Option("--kind", help="Of object, as workflow or api_key.")] = None,
        object_: Annotated[str | None, typer.Option("--object", help="Its id or name.")] = None,
        action: Annotated[str | None, typer.Option("--action", help="The right, as workflows.deploy.")] = None,
        change: Annotated[str | None, typer.Option("--change", help="As created, changed, deleted.")] = None,
        since: Annotated[str | None, typer.Option("--from", help="RFC 3339.")] = None,
        until: Annotated[str | None, typer.Option("--to", help="RFC 3339.")] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
        as_json: JsonOption = False,
    ) -> None:
        """The audit trail: who changed what, and from where. The newest first."""
        query = {"who": who, "kind": kind, "object": object_, "action": action, "change": change}
        found = connect().items("/audit", {**query, "from": since, "to": until}, most=limit)
        out = Out(as_json)
        if as_json:
            out.json(found)
        out.table(("at", "who", "change", "object", "what", "from"), [_row(line) for line in found])


def _row(line: JsonObject) -> list[Json]:
    who, where, thing = _part(line, "who"), _part(line, "from"), _part(line, "object")
    by = who.get("email") or who.get("key") or "Millstream"
    return [
        *(line["at"], by, line["change"], f"{thing['kind']} {thing['name'] or thing['id']}"),
        *(_different(_part(line, "before"), _part(line, "after")), where.get("ip")),
    ]


def _different(before: JsonObject, after: JsonObject) -> str:
    """As `role: editor → viewer`."""
    names = [*before, *(name for name in after if name not in before)]
    told = ", ".join(
        f"{name}: {' → '.join(cell(side[name]) for side in (before, after) if name in side)}" for name in names
    )
    return told if len(told) <= _SHOWN else told[: _SHOWN - 1] + "…"


def _part(line: JsonObject, name: str) -> JsonObject:
    part = line.get(name)
    return part if isinstance(part, dict) else {}
