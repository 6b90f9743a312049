"""The copilot's parts, built once in each process over the engine's."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.worker import Interceptor, Worker

from copilot.activities.finish import Finisher
from copilot.activities.think import Thinker
from copilot.activities.use_tool import ToolUser
from copilot.approvals import Approvals
from copilot.conversations import Conversations
from copilot.deeds import Deeds
from copilot.starting import Turns
from copilot.tools.kit import Kit
from copilot.tools.registry import load_tools
from copilot.whispers import Whispers
from copilot.work import build_copilot_worker, plain_client
from engine.hub import Hub
from engine.led_rounds import Leads
from workspace.llm.chat import Models


@dataclass(frozen=True, slots=True)
class Copilot:
    """What the routes work with."""

    conversations: Conversations
    approvals: Approvals
    whispers: Whispers
    turns: Turns
    thinker: Thinker
    user: ToolUser
    finisher: Finisher

    def worker(self, client: Client, interceptors: Sequence[Interceptor] = ()) -> Worker:
        """Over the connection that the engine's worker has too."""
        return build_copilot_worker(plain_client(client), self.thinker, self.user, self.finisher, interceptors)

    def sweep(self, leads: Leads) -> Coroutine[object, object, None]:
        """Starts what waits, until cancelled."""
        return self.turns.run(leads)


def build_copilot(hub: Hub, kit: Kit, models: Models, client: Callable[[], Client | None]) -> Copilot:
    """`client`: the connection to Temporal, None while there is none."""
    db, tools = kit.db, load_tools()
    whispers = Whispers(hub)
    turns = Turns(db, lambda: None if (found := client()) is None else plain_client(found))
    return Copilot(
        conversations=Conversations(db, hub, kit.reader, turns),
        approvals=Approvals(db, Deeds(kit.definitions, kit.replayer)),
        whispers=whispers,
        turns=turns,
        thinker=Thinker(db, hub, whispers, models, tools, None),
        user=ToolUser(db, hub, kit, tools),
        finisher=Finisher(db, hub),
    )
