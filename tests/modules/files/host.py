"""Runs modules over the files of a new workspace."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.isolated.pool import IsolatedPool
from modules.files import write
from modules.sdk.declaration import Module
from modules.sdk.json import Json, JsonObject
from server.module_tools.host import example_context
from workspace.files.store import StoredFiles


@dataclass
class FileModules:
    pool: IsolatedPool
    files: StoredFiles

    async def run(self, module: Module, inputs: JsonObject, key: str = "run:step") -> JsonObject:
        """Raises ModuleError."""
        context = replace(example_context(self.pool, 30), files=self.files, idempotency_key=key)
        assert module.run is not None
        result = await module.run(inputs, context)
        assert isinstance(result.output, dict)
        return result.output

    async def put(self, content: str, **more: Json) -> JsonObject:
        return await self.run(write.MODULE, {"name": "a.txt", "content": content, **more}, key=f"put {content[:40]!r}")
