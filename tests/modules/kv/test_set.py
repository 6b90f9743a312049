"""`kv.set`: writes, once a step."""

from __future__ import annotations

import pytest

from modules.kv.set import MODULE
from modules.sdk.verdicts import ModuleError
from tests.fixtures.module_host import ModuleHost


async def test_versions_grow_and_a_repeat_changes_nothing(module_host: ModuleHost) -> None:
    first = await module_host.run(MODULE, {"key": "a", "value": 1}, key="one")
    assert first.output == {"value": 1, "version": 1, "found": True}
    again = await module_host.run(MODULE, {"key": "a", "value": 1}, key="one")
    assert again.output == first.output
    second = await module_host.run(MODULE, {"key": "a", "value": None}, key="two")
    assert second.output == {"value": None, "version": 2, "found": True}


async def test_a_version_that_moved_is_a_conflict(module_host: ModuleHost) -> None:
    await module_host.run(MODULE, {"key": "a", "value": 1, "if_version": 0, "ttl": "1h"}, key="one")
    with pytest.raises(ModuleError) as caught:
        await module_host.run(MODULE, {"key": "a", "value": 2, "if_version": 0}, key="two")
    assert (caught.value.code, caught.value.retryable) == ("kv.conflict", False)
