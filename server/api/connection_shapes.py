"""The shapes of requests and answers about connections: see `shapes.py`."""

from __future__ import annotations

from typing import cast

from modules.sdk.json import JsonObject
from server.api.shapes import (
    FLAG,
    ID,
    MAYBE_TEXT,
    MAYBE_TIME,
    OBJECT,
    TEXT,
    TIME,
    Schema,
    closed,
    listed,
    listing,
    maybe,
    one_of,
)
from workspace.connections.kinds.oauth2 import CLIENT_SECRET, PROVIDER_CONFIG
from workspace.connections.kinds.registry import KINDS

_NAME: Schema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$"}
_USE = one_of("owner", "editor")
_KIND = one_of(*KINDS)
_STATE = one_of("ok", "needs_reauth", "revoked")


def _config(schema: JsonObject) -> Schema:
    """As it is given and answered: defaults are filled in."""
    return cast("Schema", schema)


_OPTIONS: dict[str, Schema] = {
    "allowed_hosts": {
        "type": "array",
        "items": TEXT,
        "description": "`[scheme://]host[:port]`, as `*.example.com`. The origin of `base_url` unless given.",
    },
    "rate_limit": maybe(
        closed({"count": {"type": "integer", "minimum": 1}, "per": {"type": ["number", "string"]}}),
    ),
    "use": {**_USE, "description": "Who may name it in documents: editors too, or owners only."},
}
_CONFIGS: Schema = {"anyOf": [_config(kind.config) for kind in KINDS.values()]}
_SECRETS: Schema = {"anyOf": [_config(kind.secret) for kind in KINDS.values() if kind.secret is not None]}
_SHORT: dict[str, Schema] = {"connection_id": ID, "name": TEXT, "app": TEXT, "kind": _KIND, "state": _STATE}
_LONG: dict[str, Schema] = {
    "config": OBJECT,
    "allowed_hosts": listed(TEXT),
    "rate_limit": maybe(closed({"count": {"type": "integer"}, "per": {"type": "number", "description": "Seconds."}})),
    "use": _USE,
    "reason": {**MAYBE_TEXT, "description": "Why the state isn't ok."},
    "expires_at": {**MAYBE_TIME, "description": "When the present access token ends; it is renewed before."},
    "used_by": {**listed(TEXT), "description": "Workflows whose live versions name it."},
    "created_at": TIME,
    "updated_at": TIME,
}

CONNECTION_REQUESTS: dict[str, Schema] = {
    "NewConnection": closed(
        {"name": _NAME, "app": TEXT, "kind": _KIND}, {"config": _CONFIGS, "secret": _SECRETS, **_OPTIONS}
    ),
    "ConnectionChange": closed({}, {"config": _CONFIGS, "secret": _SECRETS, **_OPTIONS}),
    "NewProvider": closed({"name": _NAME, "config": _config(PROVIDER_CONFIG)}, {"secret": _config(CLIENT_SECRET)}),
    "ProviderChange": closed({}, {"config": _config(PROVIDER_CONFIG), "secret": _config(CLIENT_SECRET)}),
}

CONNECTION_ANSWERS: dict[str, Schema] = {
    "Connection": closed({**_SHORT, **_LONG}),
    "ConnectionInList": closed(_SHORT, _LONG),
    "ConnectionList": listing("ConnectionInList"),
    "Trial": closed(
        {
            "ok": FLAG,
            "detail": TEXT,
            "status": {"type": ["integer", "null"], "description": "Of the target's answer, for HTTP."},
            "duration_ms": {"type": "number"},
        }
    ),
    "ConsentAddress": closed({"url": TEXT}),
    "Provider": closed(
        {
            "provider_id": ID,
            "name": TEXT,
            "config": OBJECT,
            "used_by": listed(TEXT),
            "created_at": TIME,
            "updated_at": TIME,
        }
    ),
    "ProviderList": listing("Provider"),
}
