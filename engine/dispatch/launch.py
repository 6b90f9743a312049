"""Starting a run's execution in Temporal: from the accepted row to a workflow with that id.

All that the run sees is read here once and given along: the compiled document that it was accepted with, its trigger, the variables as of
now; of a secret only its name and its shape. Starting twice is harmless: an open execution is used, a closed one isn't repeated. A run whose
execution was lost is started anew under the same id and takes over what its log has.

With a worker in this process the first workflow task comes back with the answer (eager start), without a poll.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta
from typing import cast
from uuid import UUID

from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from db import connections, documents, run_rows, steps, variables
from db.ids import RunId, WorkspaceId
from db.pool import Database
from db.run_rows import RunRow
from engine import names
from engine.activities.host import Head
from engine.activities.journal import Journal
from engine.activities.run_log import log_row_of
from engine.carrier_store import DatabaseOwners
from engine.core.compiled import CompiledJson
from engine.core.from_rows import LogRow, from_rows
from engine.core.plan import build_plan
from engine.core.secret_uses import VariableUses, variable_uses
from engine.core.start import ResumeBase, RunStart, WorkflowInfo
from engine.dispatch.executions import CannotStart, Start
from engine.expressions.values import Json, Value, from_json
from engine.run_args import RunArgs, load_options
from engine.wire import mapping
from workspace.keys import Vault

TASK_TIMEOUT = timedelta(seconds=3)
"""After which a workflow task of a dead worker goes to another one."""
_COMPILED = 256
RESUME_PURPOSE = "resume"


class Launcher:
    """Starts executions. `journal` is that of the worker in this process, None where there is none."""

    def __init__(
        self,
        client: Client,
        db: Database,
        owners: DatabaseOwners,
        vault: Vault,
        public_url: str,
        journal: Journal | None,
        *,
        task_queue: str = names.TASK_QUEUE,
    ) -> None:
        self._client = client
        self._db = db
        self._owners = owners
        self._vault = vault
        self._public_url = public_url
        self._journal = journal
        self._task_queue = task_queue
        self._compiled: OrderedDict[tuple[int, str], CompiledJson] = OrderedDict()
        self._uses: OrderedDict[tuple[int, str], VariableUses] = OrderedDict()

    async def __call__(self, start: Start) -> bool:
        """Whether this process executes the run from the start.

        Raises `CannotStart`, `DatabaseUnavailable`, Temporal's `RPCError`, and `WorkflowAlreadyStartedError` when an execution of this
        id has closed.
        """
        args = await self.build_args(start)
        if args is None:
            return False
        journal = self._journal
        if journal is not None and not start.recovered:
            journal.expect(start.run_id)
        eager = False
        try:
            handle = await self._client.start_workflow(
                names.RUN,
                args.dump(),
                id=start.run_id,
                task_queue=self._task_queue,
                task_timeout=TASK_TIMEOUT,
                request_eager_start=journal is not None,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE
                if start.recovered
                else WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )
            eager = _was_eager(handle)
        finally:
            if journal is not None and not eager:
                journal.unexpect(start.run_id)
        return eager

    async def build_args(self, start: Start) -> RunArgs | None:
        """What the execution is started with; None when the run has ended meanwhile. Raises `CannotStart`, `DatabaseUnavailable`."""
        run_id, workspace_id = RunId(UUID(start.run_id)), WorkspaceId(start.workspace_id)
        self._owners.learn(start.run_id, start.workspace_id)
        async with self._db.engine(workspace_id) as connection:
            run = await run_rows.get(connection, run_id)
            if run is None:
                raise CannotStart("The run was deleted before it began.")
            if run.finished_at is not None:
                return None
            compiled = self._compiled.get((start.workspace_id, run.compiled_hash))
            if compiled is None:
                found = await documents.get(connection, workspace_id, run.compiled_hash)
                if found is None:
                    raise CannotStart("The document that the run was accepted with is gone.")
                compiled = cast("CompiledJson", found.compiled)
                self._keep((start.workspace_id, run.compiled_hash), compiled)
            values, secrets = await variables.at_start(connection, workspace_id)
            named = sorted(build_plan(compiled).document.required_connections)
            limited = await connections.limited(connection, workspace_id, named) if named else []
            rows: Sequence[LogRow] = ()
            if start.recovered:
                rows = [log_row_of(row) for row in await steps.journal(connection, workspace_id, run_id)]
        started_at = time.time() if run.started_at is None else run.started_at.timestamp()
        return RunArgs(
            head=Head(
                start.run_id,
                start.workspace_id,
                str(run.workflow_id),
                started_at,
                run.parent_run_id is not None,
                self._secrets_of(start.workspace_id, compiled, secrets) if secrets else (),
            ).dump(),
            compiled=compiled,
            start=self._start(run, compiled, values, frozenset(limited), rows, started_at),
            cancel=None if run.cancel_requested_at is None else "cancelled",
        )

    def _secrets_of(self, workspace_id: int, compiled: CompiledJson, secrets: frozenset[str]) -> tuple[str, ...]:
        """Those that the document reads. Raises `CannotStart` where one stands at a place that would be kept."""
        key = (workspace_id, str(compiled["hash"]))
        uses = self._uses.get(key)
        if uses is None:
            uses = self._uses[key] = variable_uses(compiled)
            while len(self._uses) > _COMPILED:
                self._uses.popitem(last=False)
        for name, place in sorted(uses.barred.items()):
            if name in secrets:
                raise CannotStart(
                    f"secret.misplaced: {name!r} has become a secret, and {place} would keep it in the log. "
                    "Put it into the inputs of a module that sends it outside, and deploy again."
                )
        return tuple(sorted(uses.names & secrets))

    def _start(
        self,
        run: RunRow,
        compiled: CompiledJson,
        values: dict[str, Json],
        limited: frozenset[str],
        rows: Sequence[LogRow],
        started_at: float,
    ) -> RunStart:
        plan = build_plan(compiled)
        options = mapping(run.options)
        memo = {path: from_json(entry) for path, entry in mapping(options.get("memo")).items()}
        if rows:
            memo |= from_rows(rows, plan)
        limit = plan.document.settings.timeout
        run_id = str(run.run_id)
        return RunStart(
            run_id=run_id,
            workflow=WorkflowInfo(str(run.workflow_id), run.workflow, run.version or "draft"),
            started_at=started_at,
            trigger={name: from_json(value) for name, value in mapping(run.trigger).items()},
            trigger_id=run.trigger_id,
            vars=cast("dict[str, Value]", values),
            limited=limited,
            origin=run.origin,
            options=load_options(options),
            memo=memo or None,
            resume=ResumeBase(self._public_url, resume_secret(self._vault, run_id)),
            reply=run.reply_until is not None,
            depth=run.depth,
            deadline=None if limit is None else started_at + limit,
        )

    def _keep(self, key: tuple[int, str], compiled: CompiledJson) -> None:
        self._compiled[key] = compiled
        while len(self._compiled) > _COMPILED:
            self._compiled.popitem(last=False)


def resume_secret(vault: Vault, run_id: str) -> bytes:
    """What the run's resume addresses are signed with."""
    return vault.derive(RESUME_PURPOSE, UUID(run_id).bytes)


def _was_eager(handle: WorkflowHandle[object, object]) -> bool:
    """The SDK tells it only by an attribute whose name it didn't mean to be mangled."""
    return getattr(handle, "__temporal_eagerly_started", False) is True
