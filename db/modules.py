"""The registry as rows, written from the modules' declarations at each start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from db.connection import Connection
from db.json import Json, dumps
from db.statements import command, rows


@dataclass(frozen=True, slots=True)
class ModuleRow:
    """One version of a module. `category` is its app; `effect` is `by_input` where an input decides it. `timeout` is seconds."""

    module: str
    version: int
    title: str
    category: str
    kind: Literal["trigger", "control", "action"]
    effect: Literal["none", "read", "write", "by_input"]
    idempotent: bool
    input_schema: Json
    output_schema: Json
    handles: Json
    slots: Sequence[str]
    timeout: float
    retry: Json
    example: Json
    manual: str


_PUT = command("modules", "put")
_RETIRE = command("modules", "retire")
_LIST = rows("modules", "list_all", ModuleRow)


async def sync(connection: Connection, modules: Sequence[ModuleRow]) -> int:
    """Make the built-in rows equal to `modules`; what is missing there becomes unavailable. Gives how many rows changed."""
    changed = 0
    for module in modules:
        changed += await connection.count(
            _PUT,
            module=module.module,
            version=module.version,
            title=module.title,
            category=module.category,
            kind=module.kind,
            effect=module.effect,
            idempotent=module.idempotent,
            input_schema=dumps(module.input_schema),
            output_schema=dumps(module.output_schema),
            handles=dumps(module.handles),
            slots=list(module.slots),
            timeout=module.timeout,
            retry=dumps(module.retry),
            example=dumps(module.example),
            manual=module.manual,
        )
    names = [module.module for module in modules]
    versions = [module.version for module in modules]
    return changed + await connection.count(_RETIRE, names=names, versions=versions)


async def list_modules(connection: Connection) -> list[ModuleRow]:
    """Those whose code is there, by name and version."""
    return await connection.all(_LIST)
