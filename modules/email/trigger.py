"""`email.trigger`: a mail starts a run."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.json import JsonObject
from modules.sdk.schema import duration, object_of

_TEXT: JsonObject = {"type": "string"}
_MAYBE: JsonObject = {"type": ["string", "null"]}
_TEXTS: JsonObject = {"type": "array", "items": {"type": "string"}}
_MAIL: JsonObject = {
    "from": {**_MAYBE, "description": "the address alone; null where none can be made out"},
    "from_name": _TEXT,
    "to": _TEXTS,
    "cc": _TEXTS,
    "reply_to": _TEXTS,
    "subject": _TEXT,
    "text": {**_MAYBE, "description": "of a mail that has HTML alone, what is written in it"},
    "html": _MAYBE,
    "headers": {"type": "object", "description": "by name in lower case; one that is repeated has a list"},
    "attachments": {
        "type": "array",
        "items": {"type": "object", "description": "a file, with `content_id` and `inline`"},
    },
    "message_id": _MAYBE,
    "in_reply_to": _MAYBE,
    "references": _TEXTS,
    "date": {**_MAYBE, "description": "RFC 3339, UTC; null where the mail has none that can be read"},
    "recipient": {**_TEXT, "description": "the address that it came by, with what stood after a `+`"},
    "auth": {
        "type": "object",
        "description": "`{spf, dkim, dmarc, tls}`: what this installation found out by itself; null: not examined",
    },
}
_EXAMPLE: JsonObject = {
    "from": "ann@supplier.example",
    "from_name": "Ann",
    "to": ["invoices@flows.example"],
    "cc": [],
    "reply_to": [],
    "subject": "Invoice 4711",
    "text": "Please find it attached.\n",
    "html": None,
    "headers": {"from": "Ann <ann@supplier.example>", "subject": "Invoice 4711"},
    "attachments": [
        {
            "file_id": "0199c2a4-7b1c-7c3e-9d1f-5f6a7b8c9d0e",
            "name": "invoice.pdf",
            "mime_type": "application/pdf",
            "size": 48213,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "tags": ["email"],
            "expires_at": "2026-12-23T10:00:00Z",
            "content_id": None,
            "inline": False,
        }
    ],
    "message_id": "<4711@supplier.example>",
    "in_reply_to": None,
    "references": [],
    "date": "2026-11-23T10:00:00Z",
    "recipient": "invoices@flows.example",
    "auth": {"spf": None, "dkim": None, "dmarc": None, "tls": True},
}

MODULE = Module(
    name="email.trigger",
    version=1,
    title="Mail",
    manual=(
        "Starts a run for each mail to one of the trigger's addresses: the permanent one, which nobody guesses and no deployment changes, and "
        "`alias`, if it is given. `allow_from` names who may send: patterns as `*@supplier.example`, held against the address in `From`, "
        "whatever their case; anybody may forge that, so it keeps strays out and proves nothing. The same mail (by `Message-ID`) starts one "
        "run, also if it comes again. Automatic answers, bounces and mail that this installation sent itself start none. The run sees "
        "`trigger.from`, `trigger.to`, `trigger.subject`, `trigger.text` and what else a mail has, also as `trigger.body`; attachments, "
        "inline images and invitations are files of the workspace, kept as long as the run. With a `connection` of the kind `imap`, new mails "
        "of its `mailbox` start runs as well: it is looked at `every` so often, and nothing in it is moved or deleted."
    ),
    kind="trigger",
    input_schema=object_of(
        {
            "alias": {
                "type": "string",
                "pattern": "^[a-z0-9_-][a-z0-9._-]{1,61}[a-z0-9_-]$",
                "description": "the part before the @ of a second address; one trigger of the installation may have it",
                "x-eval": "raw",
            },
            "allow_from": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 320},
                "maxItems": 200,
                "description": "who may send, as `*@supplier.example`; anybody unless given",
                "x-eval": "raw",
            },
            "mailbox": {
                "type": "string",
                "pattern": "^[^\\x00-\\x1f\\x7f]{1,200}$",
                "default": "INBOX",
                "description": "of the trigger's `connection`",
                "x-eval": "raw",
            },
            "every": {**duration("how often the mailbox is looked at, at least 1s", "1m"), "x-eval": "raw"},
            "afterwards": {
                "enum": ["keep", "seen"],
                "default": "keep",
                "description": "what becomes of a mail in the mailbox once its run is sure: nothing, or it is marked as seen",
                "x-eval": "raw",
            },
        }
    ),
    output_schema=object_of(
        {
            "type": {"const": "email"},
            "id": {"type": "string"},
            **_MAIL,
            "body": {"type": "object", "description": "the same, in one object"},
        },
        ["type", "id", *_MAIL, "body"],
    ),
    example=Example(
        inputs={"alias": "invoices", "allow_from": ["*@supplier.example"]},
        output={"type": "email", "id": "mail", **_EXAMPLE, "body": _EXAMPLE},
        runnable=False,
    ),
)
