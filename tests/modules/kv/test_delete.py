"""`kv.delete`: removes, once a step."""

from __future__ import annotations

import pytest

from modules.kv.delete import MODULE
from modules.kv.set import MODULE as SET
from modules.sdk.verdicts import ModuleError
from tests.fixtures.module_host import ModuleHost


async def test_what_was_there_is_given(module_host: ModuleHost) -> None:
    await module_host.run(SET, {"key": "a", "value": 1}, key="one")
    removed = await module_host.run(MODULE, {"key": "a"}, key="two")
    assert removed.output == {"value": 1, "version": 1, "found": True}
    assert (await module_host.run(MODULE, {"key": "a"}, key="two")).output == removed.output
    gone = await module_host.run(MODULE, {"key": "a"}, key="three")
    assert gone.output == {"value": None, "version": 0, "found": False}


async def test_a_version_that_moved_is_a_conflict(module_host: ModuleHost) -> None:
    await module_host.run(SET, {"key": "a", "value": 1}, key="one")
    with pytest.raises(ModuleError) as caught:
        await module_host.run(MODULE, {"key": "a", "if_version": 2}, key="two")
    assert caught.value.code == "kv.conflict"
