"""The recorded histories: one gzip file a scene, with all histories of its run and what opens their payloads."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from engine.workflows.run import RunWorkflow
from server.worker import workflow_runner
from tests.engine.histories.stage import Secrets

FOLDER = Path(__file__).with_name("recorded")


@dataclass(frozen=True)
class Recording:
    name: str
    histories: list[WorkflowHistory]
    secrets: Secrets

    def save(self) -> None:
        FOLDER.mkdir(exist_ok=True)
        data = {
            "run": self.histories[0].workflow_id,
            "histories": [history.to_json_dict() for history in self.histories],
            **self.secrets.dump(),
        }
        path = FOLDER / f"{self.name}.json.gz"
        path.write_bytes(gzip.compress(json.dumps(data, separators=(",", ":")).encode(), mtime=0))

    async def replay(self) -> None:
        """Raises when the present code would not do what it did then."""
        replayer = Replayer(
            workflows=[RunWorkflow],
            workflow_runner=workflow_runner(),
            data_converter=self.secrets.converter(),
            namespace="default",
        )
        for history in self.histories:
            await replayer.replay_workflow(history)


def names() -> Sequence[str]:
    return sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))


def size(name: str) -> int:
    return (FOLDER / f"{name}.json.gz").stat().st_size


def load(name: str) -> Recording:
    data = json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))
    histories = [WorkflowHistory.from_json(data["run"], history) for history in data["histories"]]
    return Recording(name, histories, Secrets.load(data))
