"""The installation's model server, as the settings name it, behind a guard of its own: what is admitted for it is admitted for nothing else."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from modules.sdk.verdicts import Rejected
from server.engine_hosts import engine_hosts
from server.settings import Settings, SettingsError
from workspace.egress.guard import Guard
from workspace.egress.policy import make_policy
from workspace.llm.endpoint import Endpoint, host_of, operator_endpoint


@contextmanager
def operator_models(settings: Settings) -> Generator[Endpoint | None]:
    """None where there is none. The installation's own database and Temporal aren't reached by it either. Raises `SettingsError`."""
    base_url = settings.llm_base_url
    if base_url is None:
        yield None
        return
    try:
        policy = make_policy([*settings.egress_allow, host_of(base_url) or ""], engine_hosts(settings))
        guard = Guard(policy)
        key = settings.llm_api_key
        endpoint = operator_endpoint(
            base_url, None if key is None else key.get_secret_value(), settings.llm_model, guard
        )
    except (Rejected, ValueError) as error:
        raise SettingsError(f"MILLSTREAM_LLM_BASE_URL can't be used: {error}") from None
    try:
        yield endpoint
    finally:
        guard.close()
