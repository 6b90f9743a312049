"""The installation's model server: its host is admitted for it, and for nothing else."""

from __future__ import annotations

import pytest

from modules.sdk.verdicts import ModuleError
from server.model_server import operator_models
from server.settings import SettingsError, load_settings
from workspace.egress.guard import Guard
from workspace.egress.policy import Speaks, make_policy


async def test_its_host_is_admitted_for_it_alone() -> None:
    settings = load_settings(
        {"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1", "OPENAI_API_KEY": "k-1", "MILLSTREAM_LLM_MODEL": "small"}
    )
    with operator_models(settings) as endpoint:
        assert endpoint is not None
        assert (endpoint.host, endpoint.model, endpoint.secrets) == ("127.0.0.1:8000", "small", ("k-1",))
        assert "k-1" not in repr(endpoint)
        assert await endpoint.guard.addresses("127.0.0.1", 8000, Speaks.HTTP) == ["127.0.0.1"]
        with pytest.raises(ModuleError, match="private network"):
            await endpoint.guard.addresses("10.0.0.1", 8000, Speaks.HTTP)
    everybody = Guard(make_policy(settings.egress_allow))
    with pytest.raises(ModuleError) as caught:
        await everybody.addresses("127.0.0.1", 8000, Speaks.HTTP)
    assert caught.value.code == "http.blocked"
    everybody.close()


async def test_the_database_is_not_reached_as_a_model_server() -> None:
    told = {
        "MILLSTREAM_LLM_BASE_URL": "http://127.0.0.1:5433/v1",
        "MILLSTREAM_DATABASE_URL": "postgresql://u@127.0.0.1:5433/d",
    }
    with operator_models(load_settings(told)) as endpoint:
        assert endpoint is not None
        with pytest.raises(ModuleError, match="engine itself"):
            await endpoint.guard.addresses("127.0.0.1", 5433, Speaks.HTTP)


@pytest.mark.parametrize("url", ["http://", "http://u:p@h.example/v1", "http://0x7f.1/"])
def test_an_address_that_is_none_is_said_at_the_start(url: str) -> None:
    with (
        pytest.raises(SettingsError, match="MILLSTREAM_LLM_BASE_URL can't be used"),
        operator_models(load_settings({"MILLSTREAM_LLM_BASE_URL": url})),
    ):
        pass


def test_without_one_there_is_none() -> None:
    with operator_models(load_settings({})) as endpoint:
        assert endpoint is None
