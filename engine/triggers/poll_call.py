"""What a poll asks and what it makes of the answer: the call of a module, then items, keys and the next cursor.

The call is an attempt as a run makes one: through the trigger's connection and the egress guard, with secrets read for this attempt, and
hidden in whatever comes back.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

from db import polls, variables
from db.polls import Poll
from db.pool import Database
from engine.activities.host import Head, Host
from engine.activities.runner import attempt
from engine.activities.secrets import RunSecrets
from engine.core.effects import ModuleCall
from engine.core.errors import StepError
from engine.core.retry import RetryPolicy
from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_value
from engine.expressions.values import Json, Value, as_value, to_json
from engine.runs.keys import key_text
from engine.spec.canonical import canonical_bytes
from engine.spec.document import Trigger
from engine.spec.xeval import split_inputs
from modules.sdk.declaration import Module

JsonObject = dict[str, Json]

MOST_ITEMS = 10_000
TIMEOUT_S = 60.0
ASKS = {"request": ("http.request", 1), "query": ("postgres.query", 1)}
"""The modules whose inputs these are; the declaration of `poll.trigger` says the same for the validator."""


class PollFailed(Exception):
    """It got no answer that can be used."""

    def __init__(self, error: StepError) -> None:
        super().__init__(f"{error.code}: {error.message}")
        self.error = error


@dataclass(frozen=True, slots=True)
class Answer:
    """`items` by their keys, in their order; of those with one key the first."""

    items: dict[str, Json]
    cursor: Json


class PollCalls:
    def __init__(self, db: Database, host: Host, secrets: RunSecrets) -> None:
        self._db = db
        self._host = host
        self._secrets = secrets

    async def ask(self, poll: Poll, trigger: Trigger, workflow: JsonObject) -> Answer:
        """Raises `PollFailed`, `DatabaseUnavailable`, `UnreadableData`."""
        async with self._db.engine(poll.workspace_id) as conn:
            opened = await polls.opened(conn, poll)
            known, secret = await variables.at_start(conn, poll.workspace_id)
        scope: dict[str, Value] = {
            "vars": as_value(known),
            "workflow": as_value(workflow),
            "cursor": as_value(opened.cursor),
        }
        field, inputs = _asked(trigger)
        names = {
            str(one.path[1]) for one in compile_value(inputs).references if one.path[:1] == ("vars",) and one.path[1:]
        }
        head = Head(
            str(poll.poll_id),
            int(poll.workspace_id),
            str(poll.workflow_id),
            time.time(),
            secrets=tuple(sorted(names & secret)),
        )
        module = self._host.modules.get(*ASKS[field])
        assert module is not None
        call = _call(poll, trigger, module, inputs, scope)
        given = await self._secrets.give(head, readable=True)
        made = await attempt(head, call, self._host, scope, time.time(), given)
        if made.error is not None:
            raise PollFailed(made.error)
        output = made.output if isinstance(made.output, dict) else {}
        return await asyncio.to_thread(_read, trigger, field, output, scope)


def _asked(trigger: Trigger) -> tuple[str, JsonObject]:
    for field in ASKS:
        inputs = trigger.inputs.get(field)
        if isinstance(inputs, dict):
            return field, inputs
    raise PollFailed(StepError("poll.impossible", "The trigger has neither a `request` nor a `query`."))


def _call(poll: Poll, trigger: Trigger, module: Module, inputs: JsonObject, scope: dict[str, Value]) -> ModuleCall:
    return ModuleCall(
        path=trigger.id,
        step=trigger.id,
        module=module.name,
        version=module.version,
        attempt=1,
        iteration=None,
        inputs=split_inputs(module.input_schema, inputs).now,
        scope=scope,
        idempotency_key=f"{poll.poll_id}:{poll.lease_epoch}",
        timeout=TIMEOUT_S,
        effect="read",
        idempotent=True,
        on_lost="retry",
        long=False,
        started_at=time.time(),
        retry=RetryPolicy(1).to_json(),
        connection=trigger.connection,
    )


def _read(trigger: Trigger, field: str, output: JsonObject, scope: Mapping[str, Value]) -> Answer:
    """Raises `PollFailed`."""
    seen: dict[str, Value] = {**scope, **{name: as_value(value) for name, value in output.items()}}
    default = output.get("rows" if field == "query" else "body")
    given = _evaluated(trigger, "items", seen, default)
    found: list[Json] = given if isinstance(given, list) else [] if given is None else [given]
    if len(found) > MOST_ITEMS:
        message = f"The answer has {len(found):,} items, at most {MOST_ITEMS:,} are taken: ask for less at a time."
        raise PollFailed(StepError("poll.items", message))
    items: dict[str, Json] = {}
    for index, item in enumerate(found):
        items.setdefault(_key(trigger, item, index, seen), item)
    cursor = _evaluated(trigger, "cursor", {**seen, "items": as_value(found)}, to_json(scope["cursor"]))
    return Answer(items, cursor)


def _key(trigger: Trigger, item: Json, index: int, scope: Mapping[str, Value]) -> str:
    """Raises `PollFailed`."""
    if trigger.inputs.get("key") is None:
        return hashlib.sha256(canonical_bytes(item)).hexdigest()
    given = _evaluated(trigger, "key", {**scope, "item": as_value(item), "index": index}, None)
    text = key_text(given)
    if text is None:
        raise PollFailed(
            StepError(
                "poll.key", f"The item {index} has no key: `key` gave {'null' if given is None else 'an empty text'}."
            )
        )
    return text


def _evaluated(trigger: Trigger, field: str, scope: Mapping[str, Value], default: Json) -> Json:
    written = trigger.inputs.get(field)
    if written is None:
        return default
    try:
        return to_json(compile_value(written).render(scope, Budget()))
    except ExpressionError as error:
        raise PollFailed(StepError(error.code, f"`{field}`: {error.message}", details=error.details)) from None
