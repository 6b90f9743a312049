"""What is done once a person approved it, by them and with their role: the same calls as the API makes, nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from uuid import UUID

from copilot.evidence.keeping import deploy_parts
from copilot.tools.tool import Asker
from db.copilot_approvals import Approval
from db.ids import RunId
from db.json import Json
from engine.definitions import Definitions
from engine.problems import Conflict, Invalid
from engine.runs.replay import Operation, Replayer, ReplayRequest

JsonObject = dict[str, Json]

RIGHTS: Mapping[str, str] = {"deploy": "workflows.deploy", "replay": "runs.replay"}
"""The right that each deed takes, of whoever approves it."""


class Deeds:
    def __init__(self, definitions: Definitions, replayer: Replayer) -> None:
        self._definitions = definitions
        self._replayer = replayer

    async def check(self, asker: Asker, approval: Approval, parts: list[str] | None) -> None:
        """Raises `Conflict` `approval.moved` where what was shown isn't what stands there, `Invalid` for parts that there aren't."""
        if parts is not None:
            known = _parts(approval)
            for part in parts:
                if part not in known:
                    raise Invalid("request.invalid", f"The change set has no part {part!r}: it has {', '.join(known)}.")
        if approval.action == "deploy":
            await self._revision(asker, approval)

    async def do(self, asker: Asker, approval: Approval, parts: list[str] | None) -> JsonObject:
        """What came of it. Done again it comes to the same. Raises `Problem`."""
        if approval.action == "deploy":
            return await self._deploy(asker, approval, parts)
        if approval.action == "replay":
            return await self._replay(asker, approval)
        raise Invalid("approval.unknown_action", f"This program knows no {approval.action!r}.")

    async def _deploy(self, asker: Asker, approval: Approval, parts: list[str] | None) -> JsonObject:
        revision = await self._revision(asker, approval)
        note = f"Approved by {asker.name}"
        known = _parts(approval)
        if parts is not None and set(parts) != set(known):
            change_set = cast("JsonObject", approval.change_set)
            part = await deploy_parts(self._definitions, asker, change_set, parts, note)
            return {"version": part["version"]}
        version, _ = await self._definitions.deploy(
            asker.workspace_id, asker.user_id, approval.workflow, note, revision, authority=asker.role
        )
        return {"version": version["version"]}

    async def _revision(self, asker: Asker, approval: Approval) -> int:
        draft = await self._definitions.draft(asker.workspace_id, approval.workflow)
        if draft["content_hash"] != approval.content_hash:
            raise Conflict(
                "approval.moved",
                "The draft was changed since it was shown. Nothing was deployed; ask for the change set again.",
            )
        return int(cast("int", draft["revision"]))

    async def _replay(self, asker: Asker, approval: Approval) -> JsonObject:
        deed = cast("JsonObject", cast("JsonObject", approval.change_set)["deed"])
        run_id = await self._replayer.replay(
            asker.workspace_id,
            RunId(UUID(str(deed["run_id"]))),
            ReplayRequest.read(deed.get("request")),
            Operation(f"approval-{approval.approval_id}"),
            authority=asker.role,
        )
        return {"run_id": str(run_id)}


def _parts(approval: Approval) -> list[str]:
    change_set = approval.change_set
    parts = change_set.get("parts") if isinstance(change_set, dict) else None
    return [str(one["part"]) for one in parts if isinstance(one, dict)] if isinstance(parts, list) else []
