"""What the examination says of the installation's language model."""

from __future__ import annotations

from server.doctor.checks import models
from server.embedded.ports import free_port
from server.settings import load_settings
from tests.fixtures.model_server import ModelServer


async def told(**environment: str) -> tuple[str, str]:
    [check] = await models.check(load_settings(environment))
    return check.state, check.found


async def test_what_it_says(model_server: ModelServer) -> None:
    assert await told() == ("note", "no language model is set")
    assert (await told(MILLSTREAM_LLM_BASE_URL=model_server.url))[0] == "broken"
    good = model_server.environment
    state, found = await told(**good)
    assert (state, "'test-model' at 127.0.0.1" in found) == ("ok", True)
    state, found = await told(**{**good, "MILLSTREAM_LLM_API_KEY": "wr0ng"})
    assert (state, "refuses the key" in found) == ("broken", True)
    state, found = await told(**{**good, "MILLSTREAM_LLM_BASE_URL": f"http://127.0.0.1:{free_port()}/v1"})
    assert (state, "can't be asked" in found) == ("broken", True)
    # Nothing was asked of a model.
    assert await model_server.journal() == []
