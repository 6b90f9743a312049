"""`email.send`: one mail through the step's connection to a mail server."""

from __future__ import annotations

from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import Json, JsonObject
from modules.sdk.mail import MOST_ATTACHED, MOST_RECIPIENTS, Attachment, Letter
from modules.sdk.mailboxes import body_text, header_text, mailbox_of, mailboxes_of, message_ids_of
from modules.sdk.schema import object_of
from modules.sdk.verdicts import Rejected

_MOST_FILES = 100
_FORMS: list[Json] = [
    {"type": "string", "maxLength": 100_000},
    object_of({"address": {"type": "string"}, "name": {"type": ["string", "null"]}}, ["address"]),
]
_BOXES: JsonObject = {"anyOf": [*_FORMS, {"type": "array", "items": {"anyOf": _FORMS}}, {"type": "null"}]}
_ONE_OR_NONE: JsonObject = {"anyOf": [*_FORMS, {"type": "null"}]}


async def run(inputs: JsonObject, context: Context) -> Result:
    """Raises ModuleError: `input.invalid`, what `Mail.send` raises, `file.unknown` and others of `Files`."""
    text, html = inputs.get("text"), inputs.get("html")
    attachments = await _attached(inputs.get("attachments"), context)
    if text is None and html is None and not attachments:
        raise Rejected("input.invalid", "give `text`, `html` or both: the mail would be empty")
    answered = message_ids_of(inputs.get("in_reply_to"), "in_reply_to")
    if len(answered) > 1:
        raise Rejected("input.invalid", "`in_reply_to` is the id of one mail; others go into `references`")
    sender = inputs.get("from")
    letter = Letter(
        to=mailboxes_of(inputs["to"], "to"),
        cc=mailboxes_of(inputs.get("cc"), "cc"),
        bcc=mailboxes_of(inputs.get("bcc"), "bcc"),
        sender=None if sender is None else mailbox_of(sender, "from"),
        reply_to=mailboxes_of(inputs.get("reply_to"), "reply_to"),
        subject=header_text(str(inputs["subject"]), "subject"),
        text=body_text(text, "text") if isinstance(text, str) else None,
        html=body_text(html, "html") if isinstance(html, str) else None,
        in_reply_to=answered[0] if answered else None,
        references=message_ids_of(inputs.get("references"), "references"),
        attachments=attachments,
    )
    return Result(
        {"message_id": await context.mail.send(letter, operation=context.idempotency_key, timeout=context.timeout)}
    )


async def _attached(given: Json, context: Context) -> tuple[Attachment, ...]:
    found: list[Attachment] = []
    for index, item in enumerate(given if isinstance(given, list) else []):
        asked: JsonObject = item if isinstance(item, dict) else {"file_id": item}
        file = await context.files.stat(str(asked["file_id"]))
        name = header_text(str(asked.get("name") or file.name), f"attachments[{index}].name")
        file_id = file.file_id
        found.append(
            Attachment(name, file.mime_type, file.size, lambda file_id=file_id: context.files.open_read(file_id))
        )
    return tuple(found)


MODULE = Module(
    name="email.send",
    version=1,
    title="Send mail",
    manual=(
        "Sends one mail through the step's `connection`, which is of the kind `smtp`, and gives its `message_id`. Addresses are "
        "`ada@example.com`, `Ada <ada@example.com>`, an object `{address, name}`, several with commas, or a list of these; "
        f"{MOST_RECIPIENTS} recipients at most. Without `from` the connection's own address is the sender. `text` and `html` "
        "together become one mail that shows what the reader's program can. `attachments` are files by their `file_id`, also "
        f"the whole objects that other steps give, {MOST_ATTACHED >> 20} MB together. With `in_reply_to` (and `references`) the mail "
        "joins a thread: give it the `message_id` of the mail that is answered. The mail goes to all recipients or to none: if "
        "the server refuses one, the step fails with `smtp.recipients` and nothing was sent. Refusals that may pass (4xx), "
        "time-outs and broken connections are tried again, under the same `Message-ID`, by which receivers know a mail that "
        "came twice."
    ),
    kind="action",
    input_schema=object_of(
        {
            "to": {"anyOf": [*_FORMS, {"type": "array", "items": {"anyOf": _FORMS}, "minItems": 1}]},
            "cc": _BOXES,
            "bcc": {**_BOXES, "description": "get the mail, and stand nowhere in it"},
            "from": {**_ONE_OR_NONE, "description": "the sender, where it isn't the connection's"},
            "reply_to": {**_BOXES, "description": "where answers go, if not to the sender"},
            "subject": {"type": "string", "maxLength": 2000},
            "text": {"type": ["string", "null"], "description": "the plain body"},
            "html": {"type": ["string", "null"], "description": "the same as HTML"},
            "attachments": {
                "type": "array",
                "maxItems": _MOST_FILES,
                "items": {
                    "anyOf": [
                        {"type": "string", "minLength": 1},
                        {
                            "type": "object",
                            "properties": {
                                "file_id": {"type": "string", "minLength": 1},
                                "name": {"type": ["string", "null"], "maxLength": 255},
                            },
                            "required": ["file_id"],
                        },
                    ]
                },
                "description": "files: a `file_id`, or an object `{file_id, name}`",
            },
            "in_reply_to": {
                "type": ["string", "null"],
                "description": "the `message_id` of the mail that this one answers",
            },
            "references": {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}],
                "description": "message ids of the thread before that one, the oldest first",
            },
        },
        ["to", "subject"],
    ),
    output_schema=object_of({"message_id": {"type": "string"}}, ["message_id"]),
    example=Example(
        inputs={"to": "Ada <ada@example.com>", "subject": "Your order 7", "text": "It is on its way."},
        output={"message_id": "<ms.5b1f0c2a9d@example.com>"},
        runnable=False,
    ),
    effect=Effect.WRITE,
    idempotent=True,
    timeout=60.0,
    run=run,
)
