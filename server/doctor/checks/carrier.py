"""Temporal: reached, and how."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.service import RPCError

from server.doctor.check import Check
from server.settings import Settings
from server.temporal import connect

_PATIENCE_S = 5.0


async def check(settings: Settings) -> Sequence[Check]:
    if settings.temporal_address is None:
        return [Check("Temporal", "note", "no Temporal server runs for this home", "millstream up")]
    try:
        async with asyncio.timeout(_PATIENCE_S):
            client = await connect(settings)
            told = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    except (RPCError, RuntimeError, TimeoutError):
        found = f"Temporal doesn't answer at {settings.temporal_address}: runs are accepted, and wait"
        return [Check("Temporal", "broken", found, "start it, or correct MILLSTREAM_TEMPORAL_ADDRESS")]
    return [Check("versions", "ok", f"Temporal {told.server_version} at {settings.temporal_address}")]
