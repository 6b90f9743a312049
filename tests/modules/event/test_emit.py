"""`event.emit`: what it stages. That it is told with the step's row, and to whom, stands in tests/server/api/test_events.py."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from engine.isolated.pool import IsolatedPool
from modules.event.emit import MODULE
from modules.sdk.context import Staged
from modules.sdk.json import Json
from modules.sdk.verdicts import ModuleError
from server.module_tools.host import example_context


@dataclass
class Told:
    """Both the events of a workspace and what is staged of them."""

    what: str = "an event"
    events: list[tuple[str, str | None, Json]] = field(default_factory=list)

    async def stage(self, name: str, key: str | None, data: Json) -> Staged:
        self.events.append((name, key, data))
        return self


async def told(pool: IsolatedPool, **inputs: Json) -> list[tuple[str, str | None, Json]]:
    kept = Told()
    assert MODULE.run is not None
    result = await MODULE.run(inputs, replace(example_context(pool, 30.0), events=kept))
    assert result.staged is kept
    return kept.events


async def test_an_event_has_its_name_key_and_data(isolated_pool: IsolatedPool) -> None:
    assert await told(isolated_pool, name="order.paid", key="7", data={"n": 1}) == [("order.paid", "7", {"n": 1})]
    assert await told(isolated_pool, name="a", key=7) == [("a", "7", None)]
    for none in (None, ""):
        assert await told(isolated_pool, name="a", key=none, data=0) == [("a", None, 0)]


@pytest.mark.parametrize("inputs", [{"name": "a\nb"}, {"name": "a", "key": "\x00"}])
async def test_what_cannot_be_kept_is_refused(isolated_pool: IsolatedPool, inputs: dict[str, Json]) -> None:
    with pytest.raises(ModuleError, match="can't be kept") as refused:
        await told(isolated_pool, **inputs)
    assert refused.value.code == "input.invalid"
