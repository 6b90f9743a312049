"""`runs.replay`: what a person is asked before an ended run is made again. Nothing is started here.

All that the engine would refuse is refused now, so that nobody approves what can't be done; the effects are a forecast from the old run's log.
"""

from __future__ import annotations

from copilot.tools.actions import Call
from copilot.tools.marking import marked
from copilot.tools.tool import Answer, Wanted
from db.ids import RunId
from engine.expressions.values import Json
from engine.runs.replay import ReplayRequest
from engine.spec.canonical import content_hash

JsonObject = dict[str, Json]


async def replay(call: Call, run_id: RunId) -> Answer:
    kit, asker = call.kit, call.asker
    request: JsonObject = {
        key: call.arguments[key] for key in ("from_step", "version", "input") if key in call.arguments
    }
    run = await kit.reader.row(asker.workspace_id, run_id)
    ready = await kit.replayer.prepare(run, ReplayRequest.read(request), authority=asker.role)
    writes = await kit.replayer.effects(ready)
    effects: list[Json] = [
        {"workflow": workflow, "module": module, "step": step, "count": count}
        for (workflow, module, step), count in sorted(writes.items())
    ]
    deed: JsonObject = {"action": "replay", "run_id": str(run_id), "request": request}
    change_set: JsonObject = {
        "deed": deed,
        "workflow": run.workflow,
        "version": ready.target.version or "draft",
        "effects": effects,
    }
    return Answer(
        {
            "asked": "The person is asked to approve the replay. You will be told what they decide.",
            "writes_again": marked(effects, "run log", 4_000),
        },
        approval=Wanted("replay", run.workflow, content_hash(deed), change_set),
    )
