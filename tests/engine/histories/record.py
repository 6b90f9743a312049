"""Records scenes: `python -m tests.engine.histories.record [NAME …]`, by default those that have no recording yet.

A recording is evidence of what released code did. It is never made again to please a test: when a replay fails, the change needs a patch.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from server.embedded.temporal import EmbeddedTemporal, TemporalPlace
from tests.engine.histories import recordings
from tests.engine.histories.recordings import Recording
from tests.engine.histories.scenes import SCENES, serve
from tests.engine.histories.stage import Secrets, Stage, open_stage
from tests.fixtures.http_server import running


async def main(chosen: list[str]) -> None:
    wanted = chosen or [name for name in SCENES if name not in recordings.names()]
    with tempfile.TemporaryDirectory() as folder:
        temporal = EmbeddedTemporal(TemporalPlace.under(Path(folder)))
        child = await temporal.start()
        try:
            for name in wanted:
                await _record(name, temporal.address)
        finally:
            await temporal.stop(child)


async def _record(name: str, address: str) -> None:
    secrets = Secrets()
    async with running() as server, open_stage(address, secrets, f"scene-{name}") as stage:
        serve(server)
        run_id = await asyncio.wait_for(SCENES[name](stage, server), 60)
        histories = await _histories(stage, run_id)
        end = stage.log.ends[run_id]
    Recording(name, histories, secrets).save()
    said = end.error.code if end.error else str(end.output)[:40]
    print(f"{name:32} {end.status:10} {said:40} {[len(history.events) for history in histories]}")


async def _histories(stage: Stage, run_id: str) -> list:
    """All histories of the run, the first one first."""
    found = []
    execution: str | None = (await stage.handle(run_id).describe()).run_id
    while execution:
        history = await stage.client.get_workflow_handle(run_id, run_id=execution).fetch_history()
        found.insert(0, history)
        execution = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return found


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
