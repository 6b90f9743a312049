"""At which addresses mail starts a workflow's runs: as its live version says, changed in the transaction that makes that version live."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from db import email_routes, mailboxes
from db.connection import Connection
from db.email_routes import EmailRoute, WantedRoute
from db.ids import WorkflowId, WorkspaceId
from db.mailboxes import Mailbox, WantedMailbox
from db.pool import Database
from engine.expressions.durations import parse_duration
from engine.expressions.values import Json
from engine.runs.lookup import find_workflow, living, refused
from engine.runs.pages import Page, cursor_id
from engine.runs.reading import acting
from engine.spec.document import Document
from engine.spec.finding import Code, Finding
from engine.spec.load import load
from engine.spec.rules.mail import MODULE
from engine.views import moment

JsonObject = dict[str, Json]

EVERY = "1m"
SOONEST_S = 1.0


async def bind_routes(
    conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, document: Json, doing: str
) -> None:
    """The workflow has exactly the addresses that the document says. Raises `Invalid` with a finding where an alias is another trigger's."""
    taken = await email_routes.bind(conn, workspace_id, workflow_id, wanted_of(load(document)))
    if taken is not None:
        at = f"/triggers/{taken.trigger_id}/inputs/alias"
        message = f"another trigger of the installation has the alias {taken.alias!r}"
        raise refused((Finding(Code.ALIAS_TAKEN, at, message, "choose another one"),), doing)
    read = mailboxes_of(load(document))
    for trigger_id, wanted in read.items():
        await mailboxes.put(conn, workspace_id, workflow_id, trigger_id, wanted)
    await mailboxes.retire(conn, workspace_id, workflow_id, list(read))


async def release_routes(conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> None:
    """The workflow has none any more."""
    await email_routes.bind(conn, workspace_id, workflow_id, ())
    await mailboxes.retire(conn, workspace_id, workflow_id, ())


def wanted_of(document: Document) -> list[WantedRoute]:
    """Of a document without errors."""
    found: list[WantedRoute] = []
    for trigger in document.triggers.values():
        if trigger.module == MODULE and not trigger.disabled:
            alias = trigger.inputs.get("alias")
            senders = senders_of(trigger.inputs)
            found.append(WantedRoute(trigger.id, alias if isinstance(alias, str) else None, senders))
    return found


def mailboxes_of(document: Document) -> dict[str, WantedMailbox]:
    """By their triggers: those of connections."""
    found: dict[str, WantedMailbox] = {}
    for trigger in document.triggers.values():
        if trigger.module == MODULE and not trigger.disabled and trigger.connection is not None:
            every = trigger.inputs.get("every", EVERY)
            found[trigger.id] = WantedMailbox(
                trigger.connection,
                str(trigger.inputs.get("mailbox", "INBOX")),
                max(SOONEST_S, parse_duration(every) if isinstance(every, str | int | float) else SOONEST_S),
                "seen" if trigger.inputs.get("afterwards") == "seen" else "keep",
            )
    return found


def senders_of(inputs: JsonObject) -> tuple[str, ...]:
    given = inputs.get("allow_from")
    return tuple(one for one in given if isinstance(one, str)) if isinstance(given, list) else ()


def may_send(sender: str | None, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns fits the address; without patterns anybody may."""
    if not patterns:
        return True
    return sender is not None and any(fnmatchcase(sender.lower(), _literal(pattern)) for pattern in patterns)


def _literal(pattern: str) -> str:
    """Of a pattern's signs only `*` and `?` mean anything."""
    return pattern.strip().lower().replace("[", "[[]")


class EmailRoutes:
    """As people see them."""

    def __init__(self, db: Database, domain: str) -> None:
        self._db = db
        self._domain = domain

    async def list_routes(
        self, workspace_id: WorkspaceId, workflow: str | None, cursor: Sequence[Json] | None, limit: int
    ) -> Page:
        """Newest first; of one workflow, by its id or name, if it is given."""
        before = cursor_id(cursor)
        async with acting(self._db, workspace_id) as conn:
            chosen = None
            if workflow is not None:
                chosen = living(await find_workflow(conn, workspace_id, workflow), workflow).workflow_id
            found = await email_routes.list_routes(conn, workspace_id, before, limit + 1, chosen)
            read = await mailboxes.of_routes(conn, workspace_id, [one.route_id for one in found])
        items: list[Json] = [self._view(one, read.get(one.route_id)) for one in found[:limit]]
        return Page(items, [str(found[limit - 1].route_id)] if len(found) > limit else None)

    def _view(self, route: EmailRoute, read: Mailbox | None) -> JsonObject:
        return {
            "route_id": str(route.route_id),
            "workflow": route.workflow,
            "trigger": route.trigger_id,
            "address": f"{route.address}@{self._domain}",
            "alias": route.alias,
            "enabled": route.workflow_status == "active",
            "mailbox": None if read is None else _mailbox_view(read),
        }


def _mailbox_view(read: Mailbox) -> JsonObject:
    return {
        "connection": read.connection,
        "mailbox": read.mailbox,
        "every": read.every_s,
        "afterwards": read.afterwards,
        "state": read.state,
        "reason": read.reason,
        "looked_at": moment(read.looked_at),
        "next": moment(read.next_at),
    }
