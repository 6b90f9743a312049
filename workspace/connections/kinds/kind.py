"""What one kind of connection is: one `KIND = Kind(...)` per file beside this one.

A kind says by JSON Schema what people give (`config` is shown, `secret` never is), and what of it goes along with HTTP requests. It does no
I/O and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from db.connections import Kind as KindName
from modules.sdk.json import Json, JsonObject
from modules.sdk.schema import object_of

Probe: TypeAlias = Literal["http", "postgres", "smtp", "imap"]
"""How `test` tries a connection."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What requests carry."""

    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    query: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """`secret` None: there is none to give. `carry` takes config and secret, which fit their schemas; None: it is no matter of HTTP.

    `test_url` is what a test asks for where the config doesn't say, relative to `base_url`.
    """

    name: KindName
    title: str
    config: JsonObject
    secret: JsonObject | None
    carry: Callable[[JsonObject, JsonObject], Carried] | None = None
    probe: Probe = "http"
    test_url: str = ""


LINE: Final[JsonObject] = {"type": "string", "minLength": 1, "maxLength": 8192, "pattern": "^[^\\x00-\\x1f\\x7f]+$"}
"""A text of one line, as a header's value has to be."""
HEADER_NAME: Final[JsonObject] = {"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$"}
URL: Final[JsonObject] = {"type": "string", "maxLength": 2000, "pattern": "^https?://[^\\x00-\\x20\\x7f]+$"}
HOST: Final[JsonObject] = {"type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[^\\x00-\\x20\\x7f/@]+$"}
PORT: Final[JsonObject] = {"type": "integer", "minimum": 1, "maximum": 65535}

_OF_HTTP: Final[JsonObject] = {
    "base_url": {**URL, "description": "what relative addresses are below, and the host that the credential is for"},
    "test_url": {
        "type": "string",
        "maxLength": 2000,
        "pattern": "^[^\\x00-\\x20\\x7f]+$",
        "description": "what a test asks for, absolute or below `base_url`; `base_url` itself unless given",
    },
}


def http_config(properties: Mapping[str, Json] | None = None, required: list[str] | None = None) -> JsonObject:
    """The config of a kind that is used by HTTP: its own properties beside `base_url` and `test_url`."""
    return object_of({**_OF_HTTP, **(properties or {})}, required or [])
