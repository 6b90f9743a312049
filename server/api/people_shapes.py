"""The shapes of workspaces, members, keys and the audit trail, for the OpenAPI document."""

from __future__ import annotations

from server.api.shapes import (
    FLAG,
    ID,
    MAYBE_ID,
    MAYBE_TEXT,
    MAYBE_TIME,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    closed,
    listed,
    listing,
    maybe,
    one_of,
)

_ROLE = one_of("owner", "editor", "viewer")
_MAYBE_WHOLE: Schema = {"type": ["integer", "null"]}
_DIFFERENT: Schema = {
    "type": ["object", "null"],
    "description": "What is different; `(hidden)` where that is all that may be told.",
}
_API_KEY: dict[str, Schema] = {
    "api_key_id": ID,
    "user_id": {
        **_MAYBE_WHOLE,
        "description": "Whose it is: it ends when they leave, and may do no more than they may.",
    },
    "name": TEXT,
    "prefix": TEXT,
    "role": _ROLE,
    "scopes": listed(TEXT),
    "created_at": TIME,
    "expires_at": MAYBE_TIME,
    "last_used_at": MAYBE_TIME,
}
_WORKSPACE: dict[str, Schema] = {
    "workspace_id": WHOLE,
    "slug": TEXT,
    "name": TEXT,
    "role": _ROLE,
    "encrypt_logs": FLAG,
}

PEOPLE_ANSWERS: dict[str, Schema] = {
    "ApiKey": closed(_API_KEY),
    "ApiKeyList": listing("ApiKey"),
    "NewApiKey": closed({**_API_KEY, "key": TEXT}),
    "Workspace": closed(_WORKSPACE),
    "WorkspaceList": listing("Workspace"),
    "NewWorkspace": closed({**_WORKSPACE, "api_key_id": ID, "key": TEXT}),
    "Member": closed({"user_id": WHOLE, "email": TEXT, "role": _ROLE}),
    "MemberList": listing("Member"),
    "AuditEntry": closed(
        {
            "audit_id": ID,
            "at": TIME,
            "who": maybe(
                closed({"user_id": _MAYBE_WHOLE, "email": MAYBE_TEXT, "api_key_id": MAYBE_ID, "key": MAYBE_TEXT})
            ),
            "action": {**MAYBE_TEXT, "description": "The right that was used."},
            "change": {
                **TEXT,
                "description": "What became of the object: created, changed, deleted, revoked, cancelled …",
            },
            "object": closed({"kind": TEXT, "id": TEXT, "name": MAYBE_TEXT}),
            "before": _DIFFERENT,
            "after": _DIFFERENT,
            "from": maybe(
                closed(
                    {
                        "ip": MAYBE_TEXT,
                        "forwarded_for": MAYBE_TEXT,
                        "user_agent": MAYBE_TEXT,
                        "request_id": MAYBE_TEXT,
                        "route": MAYBE_TEXT,
                    }
                )
            ),
        }
    ),
    "AuditList": listing("AuditEntry"),
}
