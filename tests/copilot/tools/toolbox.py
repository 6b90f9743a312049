"""The tools as a turn has them: over a running engine, for people with roles in two workspaces."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from copilot.manual.pages import shipped
from copilot.tools.kit import Kit
from copilot.tools.registry import Tools, load_tools
from copilot.tools.tool import Answer, Asker, Place
from db import workspaces
from db.ids import RunId
from db.workspaces import Role, rights
from engine.connections.connections import Connections
from engine.expressions.values import Json
from engine.isolated.pool import IsolatedPool
from engine.queues.queues import Queues
from engine.queues.sealed_items import SealedItems
from engine.runs.isolated_calls import isolated_caller
from engine.runs.prepared import PreparedDocuments
from engine.sandbox.findings import CodeFindings
from engine.sandbox.sandbox import Sandbox
from engine.triggers.schedules import Schedules
from tests.engine.runs.stack import MODULES, PUBLIC, REGISTRY, Document, Stack
from workspace.connections.oauth.consent import Consents
from workspace.connections.oauth.refresh import Refresher
from workspace.connections.opening import Opener
from workspace.connections.sealed import Sealed
from workspace.connections.trying import Trials
from workspace.egress.client import Egress
from workspace.egress.policy import make_policy


@dataclass
class Toolbox:
    """`owner`, `editor` and `viewer` are of the workspace `acme`, `foreign` owns another one."""

    stack: Stack
    kit: Kit
    tools: Tools
    askers: dict[str, Asker]

    async def call(
        self,
        tool: str,
        action: str | None = None,
        /,
        *,
        by: str = "editor",
        place: Place | None = None,
        **arguments: Json,
    ) -> Answer:
        given = {"action": action, **arguments} if action is not None else dict(arguments)
        here = place or placed()
        answer = await self.tools.call(self.kit, self.askers[by], here, tool, json.dumps(given))
        assert len(json.dumps(answer.content)) < 60_000
        return answer

    async def content(self, tool: str, action: str | None = None, /, **arguments: Json) -> Document:
        """What a call gave that must go well, asked by the editor."""
        answer = await self.call(tool, action, **arguments)
        assert answer.error is None, answer
        return as_object(answer.content)


def placed(workflow: str | None = None, run: RunId | None = None) -> Place:
    """A call of its own."""
    return Place(uuid4(), uuid4(), uuid4().hex[:8], workflow, run)


def as_object(value: Json) -> Document:
    assert isinstance(value, dict), value
    return value


def unmarked(value: Json) -> Iterator[str]:
    """All texts, names of members too, that do not stand below a mark."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from unmarked(each)
    elif isinstance(value, dict):
        if set(value) == {"data", "source"}:
            assert isinstance(value["source"], str)
            yield value["source"]
            return
        for key, each in value.items():
            yield key
            yield from unmarked(each)


@asynccontextmanager
async def open_toolbox(stack: Stack) -> AsyncIterator[Toolbox]:
    db = stack.db
    async with AsyncExitStack() as exits:
        pool = await exits.enter_async_context(IsolatedPool(1))
        sandbox = await exits.enter_async_context(Sandbox())
        egress = await exits.enter_async_context(Egress(make_policy(["127.0.0.0/8"])))
        credentials = Sealed(stack.vault)
        refresher = Refresher(db, credentials, egress)
        exits.push_async_callback(refresher.close)
        async with db.engine() as conn:
            matrix = await rights(conn)
            other = await workspaces.create(conn, "other", "Other")
            assert other is not None
            askers: dict[str, Asker] = {}
            roles: dict[str, Role] = {"owner": "owner", "editor": "editor", "viewer": "viewer", "foreign": "owner"}
            for name, role in roles.items():
                workspace_id = other.workspace_id if name == "foreign" else stack.workspace_id
                user_id = await workspaces.ensure_user(conn, f"{name}@example.com")
                await workspaces.put_role(conn, workspace_id, user_id, role)
                slug = "other" if name == "foreign" else "acme"
                askers[name] = Asker(workspace_id, slug, user_id, f"{name}@example.com", role)
        kit = Kit(
            db=db,
            registry=REGISTRY,
            rights=matrix,
            definitions=stack.definitions,
            lookup=stack.lookup,
            prepared=PreparedDocuments(MODULES),
            tester=stack.tester,
            call_isolated=isolated_caller(MODULES, pool, sandbox),
            code=CodeFindings(sandbox, REGISTRY),
            reader=stack.reader,
            replayer=stack.replayer,
            queues=Queues(db, SealedItems(stack.vault), stack.hub),
            connections=Connections(
                db,
                credentials,
                Opener(db, credentials, refresher),
                Consents(db, credentials, egress, f"{PUBLIC}/oauth/callback"),
                Trials(egress, {}),
                egress,
            ),
            schedules=Schedules(db, stack.hub),
            manual=shipped(),
        )
        yield Toolbox(stack, kit, load_tools(), askers)
