"""`oauth2`: tokens that a provider gives, by a person's consent (authorization code) or to the client itself (client credentials).

The client stands in the connection, or by `provider` in one that the workspace keeps for several connections. What requests carry
comes from the tokens; see `workspace/connections/oauth`.
"""

from __future__ import annotations

from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of
from workspace.connections.kinds.kind import LINE, URL, Kind, http_config

_PARAMETERS: JsonObject = {
    "type": "object",
    "maxProperties": 20,
    "propertyNames": {
        "not": {
            "enum": [
                *("client_id", "client_secret", "code", "code_challenge", "code_challenge_method", "code_verifier"),
                *("grant_type", "redirect_uri", "refresh_token", "response_type", "scope", "state"),
            ]
        }
    },
    "additionalProperties": {"type": "string", "maxLength": 2000},
}
CLIENT: JsonObject = {
    "authorization_url": {**URL, "description": "where a person consents"},
    "token_url": {**URL, "description": "where tokens are given"},
    "revocation_url": {**URL, "description": "where tokens are given back (RFC 7009)"},
    "issuer": {**URL, "description": "held against the `iss` of the answer (RFC 9207)"},
    "client_id": {**LINE, "maxLength": 1000},
    "client_auth": {
        "enum": ["basic", "post", "none"],
        "default": "basic",
        "description": "how the client proves itself: by header, in the body, or not at all (a public client)",
    },
    "authorization_parameters": {**_PARAMETERS, "description": "added to the address of consent, as `access_type`"},
    "token_parameters": {**_PARAMETERS, "description": "added to each request for tokens, as `audience`"},
}
SCOPES: JsonObject = {
    "type": "array",
    "maxItems": 100,
    "items": {"type": "string", "pattern": "^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,500}$"},
}
CLIENT_SECRET: JsonObject = object_of({"client_secret": LINE}, [])
PROVIDER_CONFIG: JsonObject = object_of({**CLIENT, "scopes": SCOPES}, ["token_url", "client_id"])
"""Of a row of `connections_providers`; its scopes hold for connections that name none."""

KIND = Kind(
    name="oauth2",
    title="OAuth 2",
    config=http_config(
        {
            "grant": {"enum": ["authorization_code", "client_credentials"], "default": "authorization_code"},
            "provider": {"type": "string", "minLength": 1, "maxLength": 63, "description": "the name of a provider"},
            "scopes": SCOPES,
            **CLIENT,
        }
    ),
    secret=CLIENT_SECRET,
)
