"""The OAuth client that a connection is: its own, or that of the provider which it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from db import connection_providers
from db.connection import Connection as Db
from db.connections import Connection
from modules.sdk.json import Json, JsonObject
from workspace.connections.sealed import Sealed

Grant = Literal["authorization_code", "client_credentials"]


@dataclass(frozen=True, slots=True)
class Client:
    """`client_secret` None: a public client. `scopes` as the request names them."""

    grant: Grant
    token_url: str
    client_id: str
    client_secret: str | None = field(repr=False)
    client_auth: Literal["basic", "post", "none"] = "basic"
    authorization_url: str | None = None
    revocation_url: str | None = None
    issuer: str | None = None
    scopes: tuple[str, ...] = ()
    authorization_parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    token_parameters: Mapping[str, str] = field(default_factory=dict[str, str])


async def client_of(connection: Db, of: Connection, sealed: Sealed) -> Client:
    """The client of a connection of the kind `oauth2`, whose config was checked when it was saved."""
    own = _object(of.config)
    about, secret = own, await sealed.secret(of)
    if of.provider_id is not None:
        provider = await connection_providers.get(connection, of.workspace_id, of.provider_id)
        assert provider is not None, "a foreign key holds it"
        about = _object(provider.config)
        secret = await sealed.client_secret(of.workspace_id, provider.provider_id, provider.client_secret)
    scopes = own.get("scopes", about.get("scopes"))
    given = secret.get("client_secret")
    auth = about.get("client_auth", "basic")
    return Client(
        grant="client_credentials" if own.get("grant") == "client_credentials" else "authorization_code",
        token_url=str(about["token_url"]),
        client_id=str(about["client_id"]),
        client_secret=None if given is None else str(given),
        client_auth="none" if auth == "none" or given is None else "post" if auth == "post" else "basic",
        authorization_url=_text(about.get("authorization_url")),
        revocation_url=_text(about.get("revocation_url")),
        issuer=_text(about.get("issuer")),
        scopes=tuple(str(scope) for scope in scopes) if isinstance(scopes, list) else (),
        authorization_parameters=_texts(about.get("authorization_parameters")),
        token_parameters=_texts(about.get("token_parameters")),
    )


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Json) -> dict[str, str]:
    return {name: str(text) for name, text in _object(value).items()}
