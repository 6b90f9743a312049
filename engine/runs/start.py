"""Starting a run because somebody asks for it by API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from db.ids import RunId, WorkspaceId
from db.pool import Database
from engine.authority import Authority
from engine.expressions.values import Json
from engine.problems import Invalid
from engine.runs.accept import Acceptor, Entry
from engine.runs.lookup import Lookup, Target, VersionName, version_name
from engine.runs.prepared import PreparedDocuments
from engine.runs.request_body import object_of
from engine.runs.simulated import find_simulated
from engine.triggers.input import api_trigger, choose, given_trigger

JsonObject = dict[str, Json]

LONGEST_WAIT = 300.0
_KEYS = ("input", "trigger", "trigger_id", "version", "wait", "mocks", "unmocked", "simulate")


@dataclass(frozen=True, slots=True)
class StartRequest:
    """`trigger` is a whole trigger and is given instead of `input`. Mocked runs behave like tests unless `unmocked` is `run`. Seconds."""

    input: Json = None
    trigger: JsonObject | None = None
    trigger_id: str | None = None
    version: VersionName = "deployed"
    wait: float = 0.0
    mocks: JsonObject | None = None
    unmocked: Literal["run", "fail"] | None = None
    simulate: bool = False

    @staticmethod
    def read(body: Json) -> StartRequest:
        """From a request's body. Raises `Invalid` for anything that isn't one."""
        body = object_of(body, _KEYS)
        if body.get("trigger") is not None and "input" in body:
            raise Invalid("request.invalid", "Give either `input` or a whole `trigger`.")
        unmocked = body.get("unmocked")
        if unmocked is not None and unmocked != "run" and unmocked != "fail":
            raise Invalid("request.invalid", f"`unmocked` is {unmocked!r}; it must be `run` or `fail`.")
        trigger_id = body.get("trigger_id")
        if trigger_id is not None and not isinstance(trigger_id, str):
            raise Invalid("request.invalid", "`trigger_id` must be a trigger's id.")
        simulate = body.get("simulate", False)
        if not isinstance(simulate, bool):
            raise Invalid("request.invalid", "`simulate` must be true or false.")
        return StartRequest(
            input=body.get("input", {}),
            trigger=_object(body, "trigger"),
            trigger_id=trigger_id,
            version=version_name(body.get("version", "deployed")),
            wait=_wait(body.get("wait", 0)),
            mocks=_object(body, "mocks"),
            unmocked=None if unmocked is None else "run" if unmocked == "run" else "fail",
            simulate=simulate,
        )


class Starter:
    def __init__(self, db: Database, lookup: Lookup, prepared: PreparedDocuments, acceptor: Acceptor) -> None:
        self._db = db
        self._lookup = lookup
        self._prepared = prepared
        self._acceptor = acceptor

    async def start(
        self,
        workspace_id: WorkspaceId,
        reference: str,
        request: StartRequest,
        *,
        authority: Authority,
        idempotency_key: str | None = None,
    ) -> RunId:
        """Take the run in. The same key again names the run of the first time. Raises `Problem`; what was taken in is never lost."""
        target = await self._lookup.target(workspace_id, reference, request.version, authority)
        document = target.prepared.document
        if request.trigger is not None:
            trigger = given_trigger(document, request.trigger, request.trigger_id)
        else:
            trigger = api_trigger(choose(document, request.trigger_id), request.input)
        options = await self._options(target, request)
        taken = await self._acceptor.accept(
            Entry(
                workspace_id=workspace_id,
                workflow_id=target.workflow.workflow_id,
                name=target.workflow.name,
                version=target.version,
                prepared=target.prepared,
                trigger=trigger,
                options=options or None,
                test=bool(options),
                source=None if idempotency_key is None else f"api:{target.workflow.workflow_id}",
                dedupe=idempotency_key,
            )
        )
        return taken.run_id

    async def _options(self, target: Target, request: StartRequest) -> JsonObject:
        if request.mocks is None and not request.simulate and request.unmocked != "fail":
            return {}
        mocks = request.mocks or {}
        options: JsonObject = {"mocks": mocks, "unmocked": request.unmocked or "fail", "simulate": request.simulate}
        if request.simulate:
            options["simulated"] = await find_simulated(
                self._db,
                target.workflow.workspace_id,
                target.workflow.workflow_id,
                target.prepared,
                self._prepared.modules,
                mocks,
            )
        return options


def _object(body: JsonObject, key: str) -> JsonObject | None:
    value = body.get(key)
    if value is not None and not isinstance(value, dict):
        raise Invalid("request.invalid", f"{key!r} must be an object.")
    return value


def _wait(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_WAIT:
        raise Invalid("request.invalid", f"`wait` is {value!r}; it must be from 0 to {LONGEST_WAIT:.0f} seconds.")
    return float(value)
