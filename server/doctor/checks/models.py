"""The installation's language model: set, reached, and its key taken. Nothing is asked of the model itself, which would cost."""

from __future__ import annotations

from collections.abc import Sequence

from modules.sdk.verdicts import ModuleError
from server.doctor.check import Check
from server.engine_hosts import engine_hosts
from server.model_server import operator_models
from server.settings import Settings, SettingsError
from workspace.egress.client import Egress
from workspace.egress.policy import make_policy
from workspace.llm.endpoint import host_of

_PATIENCE_S = 5.0
_LAYER = "models"


async def check(settings: Settings) -> Sequence[Check]:
    try:
        with operator_models(settings) as endpoint:
            if endpoint is None:
                return [
                    Check(_LAYER, "note", "no language model is set", "set MILLSTREAM_LLM_BASE_URL (docs/models.md)")
                ]
            if endpoint.model is None:
                return [Check(_LAYER, "broken", "a model server is set, and no model", "set MILLSTREAM_LLM_MODEL")]
            policy = make_policy([*settings.egress_allow, host_of(endpoint.base_url) or ""], engine_hosts(settings))
            async with Egress(policy, connections=1) as egress:
                url = f"{endpoint.base_url.rstrip('/')}/models"
                answer = await egress.request("GET", url, timeout=_PATIENCE_S, credential=endpoint.attached)
    except SettingsError as error:
        return [Check(_LAYER, "broken", str(error))]
    except ModuleError as error:
        return [Check(_LAYER, "broken", f"the model server can't be asked: {error.message}", "see whether it is up")]
    if answer.status in (401, 403):
        return [
            Check(
                _LAYER, "broken", f"the model server at {endpoint.host} refuses the key", "set MILLSTREAM_LLM_API_KEY"
            )
        ]
    if answer.status >= 500:
        return [Check(_LAYER, "broken", f"the model server at {endpoint.host} answers with {answer.status}")]
    # Not every server lists its models; one that answers is there.
    return [Check(_LAYER, "ok", f"{endpoint.model!r} at {endpoint.host}")]
