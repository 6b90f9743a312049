"""`kv.increment`: counts, once a step."""

from __future__ import annotations

import pytest

from modules.kv.increment import MODULE
from modules.kv.set import MODULE as SET
from modules.sdk.verdicts import ModuleError
from tests.fixtures.module_host import ModuleHost


async def test_it_counts_from_nothing_and_once_a_step(module_host: ModuleHost) -> None:
    first = await module_host.run(MODULE, {"key": "n"}, key="one")
    assert first.output == {"value": 1, "version": 1, "found": True}
    assert (await module_host.run(MODULE, {"key": "n"}, key="one")).output == first.output
    second = await module_host.run(MODULE, {"key": "n", "value": -2.5}, key="two")
    assert second.output == {"value": -1.5, "version": 2, "found": True}


async def test_what_is_no_number_stays(module_host: ModuleHost) -> None:
    await module_host.run(SET, {"key": "n", "value": "x"}, key="one")
    with pytest.raises(ModuleError) as caught:
        await module_host.run(MODULE, {"key": "n"}, key="two")
    assert (caught.value.code, caught.value.retryable) == ("kv.type", False)
