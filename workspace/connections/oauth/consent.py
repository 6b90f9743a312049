"""A person's consent: to the provider and back (RFC 6749 section 4.1, with PKCE, RFC 7636, and the issuer's check, RFC 9207).

`begin` gives the address to send the person to. The provider sends the browser back to our one callback with a `state`, which is the only
key to what is kept meanwhile: 256 random bits, of which the database has the hash, good for a day and for one use. The code is then
exchanged here, with the verifier that only this row holds; so a code that leaks is worth nothing, and a state that is made up finds nothing.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from db import connection_tokens, connections
from db.connections import Connection
from db.ids import ConnectionId, UserId, WorkspaceId
from db.pool import Database
from modules.sdk.context import Http
from workspace.connections.oauth.client import Client, client_of
from workspace.connections.oauth.endpoint import Refused, Unreached, ask_tokens
from workspace.connections.oauth.tokens import closed_tokens
from workspace.connections.sealed import Sealed

VALID_S = 86_400.0
_LONGEST = 8_192


class NoConsent(Exception):
    """The consent came to nothing: one sentence for the person, without anything that the request held."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider sent back with the browser. `error` is the provider's code."""

    state: str | None
    code: str | None
    error: str | None
    issuer: str | None


@dataclass(frozen=True, slots=True)
class Consented:
    workspace_id: WorkspaceId
    connection_id: ConnectionId


class Consents:
    """`redirect_uri` is the callback's address, as providers know it."""

    def __init__(self, db: Database, sealed: Sealed, http: Http, redirect_uri: str) -> None:
        self._db = db
        self._sealed = sealed
        self._http = http
        self._redirect_uri = redirect_uri

    async def begin(self, of: Connection, by: UserId | None) -> str | None:
        """The address of consent; None where the connection's client has none."""
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        hashed = _hash(state)
        closed = await self._sealed.close_consent(of.workspace_id, hashed, {"code_verifier": verifier})
        async with self._db.tenant(of.workspace_id) as db:
            client = await client_of(db, of, self._sealed)
            if client.authorization_url is None or client.grant != "authorization_code":
                return None
            await connection_tokens.begin_consent(db, of.workspace_id, of.connection_id, by, hashed, closed, VALID_S)
        return _address(client, client.authorization_url, self._redirect_uri, state, verifier)

    async def end(self, answer: Answer) -> Consented:
        """Takes what came back. Raises `NoConsent`, `DatabaseUnavailable`."""
        if answer.state is None or not 0 < len(answer.state) <= _LONGEST:
            raise NoConsent("This address is only for providers to send people back to.")
        hashed = _hash(answer.state)
        async with self._db.engine() as db:
            begun = await connection_tokens.end_consent(db, hashed)
        if begun is None or not begun.in_time:
            raise NoConsent("This consent is not known, was used already, or took too long. Begin it again.")
        if answer.error is not None:
            denied = answer.error == "access_denied"
            raise NoConsent("Access was denied." if denied else "The provider refused, and gave no access.")
        if answer.code is None or not 0 < len(answer.code) <= _LONGEST:
            raise NoConsent("The provider sent no code along.")
        kept = await self._sealed.consent(begun.workspace_id, hashed, begun.secret)
        async with self._db.tenant(begun.workspace_id) as db:
            row = await connections.get(db, begun.workspace_id, begun.connection_id)
            if row is None:
                raise NoConsent("The connection is gone.")
            client = await client_of(db, row, self._sealed)
        if client.issuer is not None and answer.issuer is not None and answer.issuer != client.issuer:
            raise NoConsent("The answer is from another provider than the one that was asked.")
        grant = {
            "grant_type": "authorization_code",
            "code": answer.code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": str(kept["code_verifier"]),
        }
        try:
            got = await ask_tokens(self._http, client, grant)
        except (Refused, Unreached) as problem:
            raise NoConsent(f"No access was given: {problem.reason}.") from None
        new = await closed_tokens(row, got, self._sealed, kept=None, by_client=False)
        async with self._db.tenant(begun.workspace_id) as db:
            if not await connection_tokens.put_consented(db, begun.workspace_id, begun.connection_id, new):
                raise NoConsent("The connection is gone.")
        return Consented(begun.workspace_id, begun.connection_id)


def _address(client: Client, url: str, redirect_uri: str, state: str, verifier: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    parameters = {
        **client.authorization_parameters,
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    if client.scopes:
        parameters["scope"] = " ".join(client.scopes)
    joint = "&" if urlsplit(url).query else "?"
    return f"{url.partition('#')[0]}{joint}{urlencode(parameters)}"


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).digest()
