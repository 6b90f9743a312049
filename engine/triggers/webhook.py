"""Webhooks: from a request at a public address to a run, and from the run to an answer.

In two steps, so that nobody makes us read 20 MB who may not send a byte: `open` finds the trigger and checks method, key and rate by the
head of the request alone; `receive` takes the body, checks it, and takes the run in. Everything is refused before the commit or not at all:
after it, the run is never lost, whatever becomes of the connection.

What comes again with the same `dedupe_key` (or `Idempotency-Key` header, where the trigger declares no key) within the window starts nothing
and gets the first one's answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from db import api_keys, rates, workspaces
from db.connection import Connection
from db.errors import DatabaseUnavailable
from db.ids import WorkspaceId
from db.pool import Database
from engine.authority import DEPLOYED, authorise
from engine.expressions.durations import parse_duration
from engine.expressions.template import Template
from engine.expressions.values import Json
from engine.hub import Hub
from engine.input_check import check
from engine.problems import Invalid, Problem, Unavailable
from engine.runs.accept import Acceptor, Entry
from engine.runs.lookup import Lookup, Target, find_workflow
from engine.runs.waiting import answered, wait_for
from engine.spec.document import Trigger
from engine.triggers.answers import HookAnswer, accepted, answer_of
from engine.triggers.body import parse_body
from engine.triggers.input import webhook_trigger

JsonObject = dict[str, Json]
Pairs = Sequence[tuple[str, str]]

MODULE = "webhook.trigger"
SCOPE = "hook"
_SLUG_KEPT_S = 10.0
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class HookRequest:
    """The head of a request. Headers and query as they came, repeated ones included."""

    slug: str
    workflow: str
    trigger: str
    method: str
    headers: Pairs
    query: Pairs

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass(frozen=True, slots=True)
class Hook:
    """A request that may go on to send its body."""

    request: HookRequest
    workspace_id: WorkspaceId
    target: Target
    trigger: Trigger

    @property
    def sync(self) -> bool:
        return self.trigger.inputs.get("mode") == "sync"

    @property
    def timeout(self) -> float:
        return _seconds(self.trigger.inputs.get("timeout"), 30.0)


class Webhooks:
    def __init__(self, db: Database, hub: Hub, lookup: Lookup, acceptor: Acceptor) -> None:
        self._db = db
        self._hub = hub
        self._lookup = lookup
        self._acceptor = acceptor
        self._slugs: dict[str, tuple[float, WorkspaceId]] = {}

    async def open(self, request: HookRequest) -> Hook:
        """Raises `Problem`: 404 unknown or paused, 410 deleted, 405, 401 and 403 by key, 429, 503."""
        try:
            async with self._db.single() as conn:
                hook = await self._find(conn, request)
                await self._admit(conn, hook)
                limit = hook.trigger.inputs.get("rate_limit")
                if isinstance(limit, dict):
                    await self._limit(conn, hook, limit)
        except DatabaseUnavailable as error:
            raise Unavailable from error
        return hook

    async def receive(self, hook: Hook, body: bytes) -> HookAnswer:
        """Raises `Problem`: 400, 413, 415, 422 for the body, 503; of a sync webhook also 500, 409 and 504, with `run_id`."""
        request, inputs = hook.request, hook.trigger.inputs
        data = parse_body(body, request.header("content-type"))
        schema = inputs.get("schema")
        if isinstance(schema, dict):
            wrong = await check(schema, data, size=len(body))
            if wrong:
                raise Invalid("input.invalid", "The body doesn't fit the trigger's schema.", extra={"errors": wrong})
        query = [pair for pair in request.query if pair != ("version", "draft")]
        draft = hook.target.version == 0
        wait = hook.timeout if hook.sync else 0.0
        taken = await self._acceptor.accept(
            Entry(
                workspace_id=hook.workspace_id,
                workflow_id=hook.target.workflow.workflow_id,
                name=hook.target.workflow.name,
                version=hook.target.version,
                prepared=hook.target.prepared,
                trigger=webhook_trigger(
                    hook.trigger.id, body=data, headers=request.headers, query=query, method=request.method
                ),
                source=f"hook:{hook.target.workflow.workflow_id}:{hook.trigger.id}{':draft' if draft else ''}",
                dedupe=self._dedupe(hook),
                dedupe_window_s=_seconds(inputs.get("dedupe_window"), _DAY),
                reply_until=datetime.now(UTC) + timedelta(seconds=wait) if hook.sync else None,
            )
        )
        if not hook.sync:
            return accepted(str(taken.run_id))
        run = await wait_for(self._db, self._hub, hook.workspace_id, taken.run_id, wait, answered)
        try:
            return await answer_of(self._db, run, wait)
        except DatabaseUnavailable as error:
            raise Unavailable("The database can't be reached; the run was accepted and goes on.") from error

    def _dedupe(self, hook: Hook) -> Template | str | None:
        template = hook.target.prepared.trigger_template(hook.trigger, "dedupe_key")
        return template if template is not None else hook.request.header("idempotency-key")

    async def _find(self, conn: Connection, request: HookRequest) -> Hook:
        workspace_id = await self._workspace(conn, request.slug)
        workflow = None
        if workspace_id is not None:
            workflow = await find_workflow(conn, workspace_id, request.workflow)
        if workspace_id is None or workflow is None:
            raise _unknown()
        if workflow.status == "deleted":
            raise Problem(410, "workflow.deleted", "The workflow behind this address was deleted.")
        if workflow.status == "paused":
            raise Problem(404, "workflow.paused", "The workflow behind this address is paused.")
        draft = ("version", "draft") in request.query
        if not draft and workflow.live_version is None:
            raise _unknown()
        if draft and _key_of(request) is None:
            raise _no_key("A draft is only run with an API key.")
        target = await self._lookup.target_of(conn, workflow, "draft" if draft else "deployed", DEPLOYED)
        trigger = target.prepared.document.triggers.get(request.trigger)
        if trigger is None or trigger.module != MODULE or trigger.disabled:
            raise _unknown()
        method = str(trigger.inputs.get("method", "POST"))
        if request.method != method:
            raise Problem(
                405,
                "method.not_allowed",
                f"This address takes {method}, not {request.method}.",
                headers={"Allow": method},
            )
        return Hook(request, workspace_id, target, trigger)

    async def _admit(self, conn: Connection, hook: Hook) -> None:
        if hook.trigger.inputs.get("auth", "none") == "none" and hook.target.version != 0:
            return
        text = _key_of(hook.request)
        if text is None:
            raise _no_key("This address asks for an API key.")
        key = await api_keys.authenticate(conn, text)
        if key is None or key.workspace_id != hook.workspace_id:
            raise _no_key("The API key is unknown, revoked or expired.")
        if SCOPE not in key.scopes:
            raise Problem(403, "key.scope", f"The API key lacks the scope {SCOPE!r}.")
        if hook.target.version == 0:  # nobody has deployed it
            await authorise(conn, hook.workspace_id, hook.target.prepared.source, key.role)

    async def _limit(self, conn: Connection, hook: Hook, limit: JsonObject) -> None:
        count = limit.get("count")
        per = _seconds(limit.get("per"), 1.0)
        if not isinstance(count, int) or count < 1 or per <= 0:
            return
        place = f"{hook.target.workflow.workflow_id}/{hook.trigger.id}"
        start = await rates.take_start(conn, hook.workspace_id, "hook", place, count, per, reserve=False)
        if start.wait_s > 0:
            raise Problem(
                429,
                "rate.exceeded",
                f"This address takes {count} requests per {per:g} s.",
                headers={"Retry-After": str(math.ceil(start.wait_s))},
            )

    async def _workspace(self, conn: Connection, slug: str) -> WorkspaceId | None:
        """Slugs are looked up anew after a while, so that a renamed workspace is found without a restart."""
        now = time.monotonic()
        known = self._slugs.get(slug)
        if known is not None and now - known[0] < _SLUG_KEPT_S:
            return known[1]
        if "\x00" in slug:
            return None
        found = await workspaces.by_slug(conn, slug)
        if found is None:
            return None
        if len(self._slugs) > 1000:
            self._slugs.clear()
        self._slugs[slug] = (now, found.workspace_id)
        return found.workspace_id


def _key_of(request: HookRequest) -> str | None:
    scheme, _, text = (request.header("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and text.strip():
        return text.strip()
    return request.header("x-api-key") or None


def _seconds(value: Json, otherwise: float) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return parse_duration(value)
        except ValueError:
            return otherwise
    return otherwise


def _unknown() -> Problem:
    return Problem(404, "hook.unknown", "There is nothing under this address.")


def _no_key(detail: str) -> Problem:
    return Problem(401, "key.invalid", detail, headers={"WWW-Authenticate": "Bearer"})
