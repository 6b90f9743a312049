"""`kv.get`: reads what is there."""

from __future__ import annotations

from modules.kv.get import MODULE
from modules.kv.set import MODULE as SET
from tests.fixtures.module_host import ModuleHost


async def test_a_key_that_is_not_there(module_host: ModuleHost) -> None:
    result = await module_host.run(MODULE, {"key": "a"})
    assert result.output == {"value": None, "version": 0, "found": False}


async def test_scopes_are_apart(module_host: ModuleHost) -> None:
    await module_host.run(SET, {"key": "a", "value": [1], "scope": "workspace"})
    assert (await module_host.run(MODULE, {"key": "a"})).output == {"value": None, "version": 0, "found": False}
    found = await module_host.run(MODULE, {"key": "a", "scope": "workspace"})
    assert found.output == {"value": [1], "version": 1, "found": True}
