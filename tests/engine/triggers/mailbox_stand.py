"""A poller of mailboxes over a real database and a real server. As a program it makes one round, and may be killed in it by a failpoint."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from db import email_routes, inbox, mailboxes
from db.email_routes import WantedRoute
from db.failing import FailingDatabase
from db.failpoints import named_statements, read_points
from db.ids import WorkflowId
from db.inbox import Event
from db.mailboxes import Mailbox, WantedMailbox
from db.pool import Database
from engine.hub import Hub
from engine.triggers.mail_poller import MailPoller
from engine.triggers.mail_room import Mailroom
from tests.db.data_of_tests import workflow
from tests.fixtures.imap_server import PASSWORD, ImapServer
from tests.workspace.connections.stand import Stand, opened
from workspace.egress.guard import Guard
from workspace.egress.policy import make_policy
from workspace.mail.incoming import open_mailbox
from workspace.secrets.used import UsedByRuns


@dataclass
class Reading:
    """A workflow whose triggers read mailboxes through the connection `box`."""

    stand: Stand
    poller: MailPoller
    workflow_id: WorkflowId

    async def connect(self, server: ImapServer, **more: Any) -> None:
        config = {**server.config, **more}
        await self.stand.create("box", "imap", config=config, secret={"password": PASSWORD})

    async def change(self, **config: Any) -> None:
        """Of the connection, whose mailboxes are due then and held by nobody."""
        row = await self.stand.row("box")
        assert isinstance(row.config, dict)
        body = {"config": {**row.config, **config}, "secret": {"password": PASSWORD}}
        await self.stand.faces.change(self.stand.workspace_id, "box", body)

    async def read(self, **triggers: str) -> None:
        """Mailboxes by their triggers, from now on."""
        stand = self.stand
        async with stand.db.tenant(stand.workspace_id) as conn:
            wanted = [WantedRoute(name, None, ()) for name in triggers]
            assert await email_routes.bind(conn, stand.workspace_id, self.workflow_id, wanted) is None
            for name, mailbox in triggers.items():
                one = WantedMailbox("box", mailbox, 1.0, "keep")
                await mailboxes.put(conn, stand.workspace_id, self.workflow_id, name, one)
        await self.look()

    async def look(self) -> None:
        """At what is due, and at once at all else."""
        await self.change()
        while await self.poller.round():
            pass

    async def events(self) -> list[Event]:
        """Oldest first."""
        async with self.stand.db.tenant(self.stand.workspace_id) as conn:
            return (await inbox.list_events(conn, self.stand.workspace_id, None, 10_000))[::-1]

    async def shown(self) -> Mailbox:
        stand = self.stand
        async with stand.db.tenant(stand.workspace_id) as conn:
            routes = await email_routes.list_routes(conn, stand.workspace_id, None, 100, None)
            [found] = (await mailboxes.of_routes(conn, stand.workspace_id, [one.route_id for one in routes])).values()
        return found


def poller_of(db: Database, stand: Stand) -> MailPoller:
    guard = Guard(make_policy(["127.0.0.0/8"]))
    hub = Hub()
    return MailPoller(
        db,
        hub,
        Mailroom(db, hub, "localhost"),
        stand.opener,
        lambda opened, name, writes: open_mailbox(guard, opened, name, writes=writes),
        UsedByRuns(),
    )


@asynccontextmanager
async def reading(db: Database) -> AsyncIterator[Reading]:
    async with opened(db) as stand:
        workflow_id = await workflow(db, stand.workspace_id, "orders")
        yield Reading(stand, poller_of(db, stand), workflow_id)


async def _one_round(url: str, failpoint: str) -> None:
    db = await Database.open(url, max_size=4, application="test")
    places = [f"{border}:{name}" for name in named_statements() for border in ("before", "mid", "after")]
    async with opened(db) as stand:
        await poller_of(FailingDatabase(db, read_points(failpoint, places)), stand).round()
    await db.close()


if __name__ == "__main__":
    asyncio.run(_one_round(*sys.argv[1:]))
