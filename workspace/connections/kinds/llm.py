"""`llm`: a server of language models that speaks OpenAI's protocol."""

from __future__ import annotations

from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of
from workspace.connections.kinds.kind import LINE, Carried, Kind, http_config


def _carry(config: JsonObject, secret: JsonObject) -> Carried:
    headers: dict[str, str] = {}
    if "api_key" in secret:
        headers["Authorization"] = f"Bearer {secret['api_key']}"
    if "organization" in config:
        headers["OpenAI-Organization"] = str(config["organization"])
    return Carried(headers=headers)


KIND = Kind(
    name="llm",
    title="Language model",
    config=http_config(
        {
            "model": {
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "description": "used unless a step says another",
            },
            "organization": {**LINE, "maxLength": 200},
        },
        ["base_url"],
    ),
    secret=object_of({"api_key": LINE}, []),
    carry=_carry,
    test_url="models",
)
