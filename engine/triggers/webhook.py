"""Webhooks: from a request at a public address to a run, and from the run to an answer.

In two steps, so that nobody makes us read 20 MB who may not send a byte: `open` finds the trigger and checks method, key and rate by the
head of the request alone; `receive` takes the body, checks it, and takes the run in. Everything is refused before the commit or not at all:
after it, the run is never lost, whatever becomes of the connection.

Each request is an event in the inbox, with its run or with why it was refused. Of refusals only so many a second are written, since whoever
is refused may be anybody.

What comes again with the same `dedupe_key` (or `Idempotency-Key` header, where the trigger declares no key) within the window starts nothing
and gets the first one's answer.
"""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from db import api_keys, rates, variables, workspaces
from db.connection import Connection
from db.errors import DatabaseUnavailable
from db.ids import EventId, WorkspaceId, new_uuid7
from db.inbox import Content, Event, NewEvent
from db.pool import Database
from engine.authority import DEPLOYED, authorise
from engine.expressions.budget import Budget
from engine.expressions.durations import parse_duration
from engine.expressions.errors import ExpressionError, NeedsData
from engine.expressions.template import Template
from engine.expressions.values import Json, as_value, to_json
from engine.hub import Hub
from engine.input_check import check
from engine.problems import Invalid, Problem, Unavailable
from engine.runs.accept import Acceptor, Arrival, Entry
from engine.runs.lookup import Lookup, Target, find_workflow
from engine.runs.waiting import answered, wait_for
from engine.spec.document import Trigger
from engine.triggers.answers import HookAnswer, accepted, answer_of
from engine.triggers.hook_request import HookRequest, head_of, key_of, pairs_of
from engine.triggers.input import webhook_trigger
from engine.triggers.parts import FilesOf, WithFiles, read_body, stored
from engine.triggers.reader import Refused, target_of, trigger_in
from engine.triggers.refusals import Refusals
from engine.triggers.signatures import (
    PRESETS,
    BadSecret,
    BadSignature,
    Preset,
    Signed,
    challenge_of,
    keys_of,
    verify,
)
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import parse_json
from workspace.keys import KeyProblem
from workspace.secrets.variables import SecretVariables

JsonObject = dict[str, Json]

MODULE = "webhook.trigger"
SCOPE = "hook"
_SLUG_KEPT_S = 10.0
_DAY = 86_400.0
_DRAFT = ":draft"
_STEPS, _SIZE = 20_000, 64 * 1024
"""Of the expression that gives a secret."""


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
    def preset(self) -> Preset:
        given = self.trigger.inputs.get("preset", "standard")
        return cast("Preset", given) if given in PRESETS else "standard"

    def challenge(self, body: bytes) -> str | None:
        """What a sender who enters the address asks to hear back; such a request starts nothing."""
        if self.trigger.inputs.get("auth") != "signature" or self.preset != "slack":
            return None
        try:
            return challenge_of(self.preset, parse_json(body))
        except ParseError:
            return None

    @property
    def timeout(self) -> float:
        return _seconds(self.trigger.inputs.get("timeout"), 30.0)


class Webhooks:
    """Also the reader of webhooks in the inbox."""

    ahead = True

    def __init__(
        self, db: Database, hub: Hub, lookup: Lookup, acceptor: Acceptor, secrets: SecretVariables, files: FilesOf
    ) -> None:
        self._db = db
        self._secrets = secrets
        self._files = files
        self._hub = hub
        self._lookup = lookup
        self._acceptor = acceptor
        self._slugs: dict[str, tuple[float, WorkspaceId]] = {}
        self._refusals = Refusals()

    async def open(self, request: HookRequest) -> Hook:
        """Raises `Problem`: 404 unknown or paused, 410 deleted, 405, 401 and 403 by key, 429, 503."""
        try:
            async with self._db.single() as conn:
                workspace_id = await self._workspace(conn, request.slug)
                if workspace_id is None:
                    raise _unknown()
                try:
                    return await self._opened(conn, workspace_id, request)
                except Problem as problem:
                    await self._refusals.note(conn, workspace_id, _refused(request), problem.status, _reason(problem))
                    raise
        except DatabaseUnavailable as error:
            raise Unavailable from error

    async def receive(self, hook: Hook, body: bytes) -> HookAnswer:
        """Raises `Problem`: 400, 413, 415, 422 for the body, 503; of a sync webhook also 500, 409 and 504, with `run_id`."""
        wait = hook.timeout if hook.sync else 0.0
        try:
            signed = await self._verified(hook, body)
            if (challenge := hook.challenge(body)) is not None:
                return HookAnswer(200, challenge.encode(), {"content-type": "text/plain; charset=utf-8"})
            entry = await self._entry(hook.target, hook.trigger, head_of(hook.request), body, EventId(new_uuid7()))
            taken = await self._acceptor.accept(
                replace(
                    entry,
                    dedupe=self._dedupe(hook, signed),
                    dedupe_window_s=_seconds(hook.trigger.inputs.get("dedupe_window"), _DAY),
                    reply_until=datetime.now(UTC) + timedelta(seconds=wait) if hook.sync else None,
                )
            )
        except Unavailable:
            raise
        except Problem as problem:
            await self.refuse(hook, problem, body)
            raise
        if not hook.sync:
            return accepted(str(taken.run_id))
        run = await wait_for(self._db, self._hub, hook.workspace_id, taken.run_id, wait, answered)
        try:
            return await answer_of(self._db, run, wait)
        except DatabaseUnavailable as error:
            raise Unavailable("The database can't be reached; the run was accepted and goes on.") from error

    async def refuse(self, hook: Hook, problem: Problem, body: bytes = b"") -> None:
        """Writes down that a request was refused after its head had been let in."""
        event = _refused(hook.request, hook.target, body)
        with contextlib.suppress(DatabaseUnavailable):
            async with self._db.single() as conn:
                await self._refusals.note(conn, hook.workspace_id, event, problem.status, _reason(problem))

    async def entry(self, event: Event, content: Content) -> Entry:
        """Of an event that is taken again. Raises `Refused`, `Standing`, `Problem`, `DatabaseUnavailable`."""
        draft = event.source.endswith(_DRAFT)
        target = await target_of(self._db, self._lookup, event, "draft" if draft else "deployed")
        trigger = trigger_in(target, event, MODULE)
        if isinstance(content.head, dict) and content.head.get("cut_at") is not None:
            raise Refused("Of the refused body only the beginning is kept.")
        entry = await self._entry(target, trigger, content.head, content.raw or b"", event.content_id)
        return replace(entry, source=None, came=None, waited=event.held)

    async def _entry(self, target: Target, trigger: Trigger, head: Json, body: bytes, event_id: EventId) -> Entry:
        """The run that a request starts; its files are kept as long as the run. Raises `Problem`: 400, 413, 415, 422, 503."""
        said = head if isinstance(head, dict) else {}
        headers, query = pairs_of(said.get("headers")), pairs_of(said.get("query"))
        content_type = next((value for name, value in headers if name == "content-type"), None)
        parsed = read_body(body, content_type)
        if isinstance(parsed, WithFiles):
            files = self._files(int(target.workflow.workspace_id))
            data: Json = await stored(parsed, files, str(event_id), target.prepared.document.settings.retention_days)
        else:
            data = parsed
        schema = trigger.inputs.get("schema")
        if isinstance(schema, dict):
            wrong = await check(schema, data, size=len(body))
            if wrong:
                raise Invalid("input.invalid", "The body doesn't fit the trigger's schema.", extra={"errors": wrong})
        return Entry(
            workspace_id=target.workflow.workspace_id,
            workflow_id=target.workflow.workflow_id,
            name=target.workflow.name,
            version=target.version,
            prepared=target.prepared,
            trigger=webhook_trigger(
                trigger.id,
                body=data,
                headers=headers,
                query=[pair for pair in query if pair != ("version", "draft")],
                method=str(said.get("method")),
            ),
            source=_source(target.workflow.workflow_id, trigger.id, draft=target.version == 0),
            came=Arrival("webhook", head, body, event_id),
        )

    def _dedupe(self, hook: Hook, signed: Signed | None) -> Template | str | None:
        """What the author says; else what was signed; else what the sender calls it."""
        template = hook.target.prepared.trigger_template(hook.trigger, "dedupe_key")
        if template is not None:
            return template
        if signed is not None and signed.event_id is not None:
            return signed.event_id
        return hook.request.header("webhook-id") or hook.request.header("idempotency-key")

    async def _verified(self, hook: Hook, body: bytes) -> Signed | None:
        """None where no signature is asked for: by the trigger, or of a draft, which was let in by a key. Raises `Problem` 401, 503."""
        if hook.trigger.inputs.get("auth") != "signature" or hook.target.version == 0:
            return None
        preset = hook.preset
        try:
            keys = keys_of(preset, await self._secret(hook))
            headers = {name.lower(): value for name, value in hook.request.headers}
            return verify(preset, keys, headers, body, datetime.now(UTC).timestamp())
        except BadSignature as error:
            raise _Unsigned(str(error)) from None
        except (BadSecret, ExpressionError, NeedsData, KeyProblem) as error:
            # Nobody can tell who sent it; that the trigger is wrong is for those who see its inbox.
            raise _Unsigned(f"the trigger's secret can't be used: {error}") from None
        except DatabaseUnavailable as error:
            raise Unavailable from error

    async def _secret(self, hook: Hook) -> Json:
        """The trigger's `secret` as it is now. Raises `ExpressionError`, `NeedsData`, `KeyProblem`, `DatabaseUnavailable`."""
        template = hook.target.prepared.trigger_template(hook.trigger, "secret")
        if template is None:
            return None
        async with self._db.single() as conn:
            known = await variables.all_values(conn, hook.workspace_id)
        names = sorted({str(one.path[1]) for one in template.references if len(one.path) > 1 and one.path[0] == "vars"})
        opened = await self._secrets.open(hook.workspace_id, names)
        values: dict[str, Json] = {**known, **{name: secret.now.reveal() for name, secret in opened.items()}}
        return to_json(template.render({"vars": as_value(values)}, Budget(_STEPS, _SIZE)))

    async def _opened(self, conn: Connection, workspace_id: WorkspaceId, request: HookRequest) -> Hook:
        hook = await self._find(conn, workspace_id, request)
        await self._admit(conn, hook)
        limit = hook.trigger.inputs.get("rate_limit")
        if isinstance(limit, dict):
            await self._limit(conn, hook, limit)
        return hook

    async def _find(self, conn: Connection, workspace_id: WorkspaceId, request: HookRequest) -> Hook:
        workflow = await find_workflow(conn, workspace_id, request.workflow)
        if workflow is None:
            raise _unknown()
        if workflow.status == "deleted":
            raise Problem(410, "workflow.deleted", "The workflow behind this address was deleted.")
        if workflow.status == "paused":
            raise Problem(404, "workflow.paused", "The workflow behind this address is paused.")
        if not request.draft and workflow.live_version is None:
            raise _unknown()
        if request.draft and key_of(request) is None:
            raise _no_key("A draft is only run with an API key.")
        target = await self._lookup.target_of(conn, workflow, "draft" if request.draft else "deployed", DEPLOYED)
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
        if hook.trigger.inputs.get("auth", "none") in {"none", "signature"} and hook.target.version != 0:
            return
        text = key_of(hook.request)
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


def _source(whose: object, trigger: str, *, draft: bool) -> str:
    """Of a trigger's events. `whose`: its workflow, by the name in the address where there is none."""
    return f"hook:{whose}:{trigger}{_DRAFT if draft else ''}"


def _refused(request: HookRequest, target: Target | None = None, body: bytes = b"") -> NewEvent:
    whose = request.workflow if target is None else target.workflow.workflow_id
    return NewEvent(
        source=_source(whose, request.trigger, draft=request.draft)[:300],
        kind="webhook",
        workflow_id=None if target is None else target.workflow.workflow_id,
        trigger_id=request.trigger[:100],
        head=head_of(request),
        raw=body,
        size=len(body),
    )


def _seconds(value: Json, otherwise: float) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return parse_duration(value)
        except ValueError:
            return otherwise
    return otherwise


def _unknown() -> Problem:
    return Problem(404, "hook.unknown", "There is nothing under this address.")


class _Unsigned(Problem):
    """`why` is for those who may see the inbox: who sent it is told nothing that a forger could learn from."""

    def __init__(self, why: str) -> None:
        super().__init__(
            401,
            "signature.invalid",
            "The request isn't signed as this address asks for.",
            headers={"WWW-Authenticate": "Signature"},
        )
        self.why = why


def _reason(problem: Problem) -> str:
    return f"{problem.code}: {problem.why if isinstance(problem, _Unsigned) else problem.detail}"


def _no_key(detail: str) -> Problem:
    return Problem(401, "key.invalid", detail, headers={"WWW-Authenticate": "Bearer"})
