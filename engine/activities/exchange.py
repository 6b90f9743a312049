"""What every activity has in common: its argument names the run and brings rows along, its answer tells whether a cancel was asked for.

argument   {"run": head, "rows": [row], "waiting": bool, …}
answer     {"cancel": reason or null, "size": bytes of the answer, …}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from engine.activities.host import Head, Notices
from engine.activities.log import RunLog, Written
from engine.core.records import StepRecord
from engine.expressions.values import Json
from engine.hub import Kind
from engine.wire import load_record, obj
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Request:
    """An argument's common part."""

    head: Head
    rows: list[StepRecord]
    waiting: bool


def read(given: object) -> tuple[Request, JsonObject]:
    """The common part, and the whole. Activities say `object` in their signatures: Temporal evaluates those, and `Json` is recursive."""
    argument = cast("JsonObject", given)
    rows = argument["rows"]
    assert isinstance(rows, list)
    request = Request(
        Head.load(obj(argument["run"])), [load_record(obj(row)) for row in rows], argument["waiting"] is True
    )
    return request, argument


def answer(content: JsonObject, written: Written | None) -> JsonObject:
    """`content` with the common part; `size` is what it adds to the history, roughly."""
    whole: JsonObject = {**content, "cancel": None if written is None or not written.stop else "cancelled"}
    whole["size"] = len(dumps(whole))
    return whole


async def write_rows(request: Request, log: RunLog, notices: Notices) -> Written | None:
    """Commit the rows that came along, if any."""
    if not request.rows:
        return None
    written = await log.write(request.head, request.rows, waiting=request.waiting)
    notices.publish(request.head.workspace_id, request.head.run_id, Kind.CHANGED)
    return written
