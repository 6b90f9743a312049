"""Which model server is asked, and with which credential.

    the operator's    settings of the installation; its host is admitted for this purpose, whatever else is
    a connection's    of kind `llm`; its host has to be public, or admitted for all

Each is reached through a guard of its own, so that what is admitted for the one is not for the other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from modules.sdk.verdicts import Rejected
from workspace.connections.opening import Opened
from workspace.egress.attached import Attached
from workspace.egress.guard import Guard
from workspace.egress.target import parse_target


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`model` None: it has none of its own. `secrets` must not be shown. `version` changes with the credential."""

    base_url: str
    host: str
    model: str | None
    guard: Guard
    attached: Attached | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    version: str = ""

    @property
    def key(self) -> str:
        """Names the address in a table."""
        return hashlib.sha256(self.base_url.encode()).hexdigest()[:32]


def operator_endpoint(base_url: str, api_key: str | None, model: str | None, guard: Guard) -> Endpoint:
    """As the settings say. Raises Rejected for an address that is none."""
    target = parse_target(base_url)
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return Endpoint(
        base_url=str(target),
        host=target.authority,
        model=model,
        guard=guard,
        attached=Attached(headers, {}, (f"{target.scheme}://{target.authority}",)),
        secrets=() if api_key is None else (api_key,),
    )


def connection_endpoint(opened: Opened, guard: Guard) -> Endpoint:
    """Of a step's connection. Raises Rejected `connection.kind` for one that is of no model server."""
    base_url = opened.about.base_url
    if opened.about.kind != "llm" or base_url is None:
        raise Rejected(
            "connection.kind", f"the connection {opened.about.name!r} is of no language model: its kind has to be 'llm'"
        )
    target = parse_target(base_url)
    model = opened.about.config.get("model")
    key = opened.secret.get("api_key")
    return Endpoint(
        base_url=str(target),
        host=target.authority,
        model=model if isinstance(model, str) else None,
        guard=guard,
        attached=opened.attached,
        secrets=(key,) if isinstance(key, str) else (),
        version=opened.version,
    )


def host_of(base_url: str) -> str | None:
    """The host of an address, as the guard's policy takes it."""
    return urlsplit(base_url).hostname
