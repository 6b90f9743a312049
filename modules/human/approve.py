"""`human.approve`: asks people by mail. `run` sends the mails; the interpreter then waits for the first answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import Json, JsonObject
from modules.sdk.mail import Letter
from modules.sdk.mailboxes import Mailbox, body_text, header_text, mailboxes_of
from modules.sdk.schema import duration, object_of, seconds
from modules.sdk.verdicts import ModuleError, Rejected

_MOST_ASKED = 20
OWN_KEYS = ("decision", "by", "at")
"""What every answer has, so that no field may be called that."""
_FORMS: list[Json] = [
    {"type": "string", "maxLength": 20_000},
    object_of({"address": {"type": "string"}, "name": {"type": ["string", "null"]}}, ["address"]),
]
_TEXT: JsonObject = {"type": "string", "maxLength": 2000}


async def run(inputs: JsonObject, context: Context) -> Result:
    """One mail for each address, with a link of its own. Raises ModuleError: `input.invalid`, and what `Mail.send` raises.

    All are tried, whatever becomes of one: an attempt that is made again sends the same mails under the same ids.
    """
    people: dict[str, Mailbox] = {}
    for box in mailboxes_of(inputs["to"], "to"):
        people.setdefault(box.address.casefold(), box)
    asked = tuple(people.values())
    if not 1 <= len(asked) <= _MOST_ASKED:
        raise Rejected("input.invalid", f"`to`: 1 to {_MOST_ASKED} people can be asked, not {len(asked)}")
    subject = header_text(str(inputs["subject"]), "subject")
    text = body_text(str(inputs.get("text") or ""), "text")
    limit = inputs.get("timeout")
    until = None if limit is None else _until(seconds(limit))
    refused: ModuleError | None = None
    for box in asked:
        body = _body(text, context.answer_address(box.address), until, alone=len(asked) == 1)
        try:
            await context.mail.send(
                Letter((box,), subject, body),
                operation=f"{context.idempotency_key}:{box.address}",
                timeout=context.timeout,
            )
        except ModuleError as error:
            refused = _worse(refused, error)
    if refused is not None:
        raise refused
    return Result({"asked": [box.address for box in asked]})


def _worse(one: ModuleError | None, other: ModuleError) -> ModuleError:
    """What can't be mended by trying again says what to do."""
    return other if one is None or (one.retryable is not False and other.retryable is False) else one


def _until(limit: float) -> datetime | None:
    try:
        return datetime.now(UTC) + timedelta(seconds=limit)
    except OverflowError:
        return None


def _body(text: str, address: str, until: datetime | None, *, alone: bool) -> str:
    parts = [text.rstrip()] if text.strip() else []
    parts.append(f"Approve or refuse here:\n{address}")
    notes = ["The link is yours alone: whoever has it answers in your name."]
    if not alone:
        notes.append("Others were asked too; the first answer counts.")
    if until is not None:
        notes.append(f"It can be answered until {until:%Y-%m-%d %H:%M} UTC.")
    return "\n\n".join([*parts, "\n".join(notes)]) + "\n"


_FIELD = object_of(
    {
        "name": {
            "type": "string",
            "minLength": 1,
            "maxLength": 100,
            "not": {"enum": list[Json](OWN_KEYS)},
            "description": "the key in the output; not `decision`, `by` or `at`",
        },
        "label": _TEXT,
        "type": {"enum": ["text", "textarea", "email", "date", "number", "integer", "boolean", "select"]},
        "required": {"type": "boolean", "description": "to approve; a refusal needs no field"},
        "options": {"type": "array", "items": {}, "maxItems": 1000},
        "default": {},
        "help": _TEXT,
    },
    ["name"],
)

MODULE = Module(
    name="human.approve",
    version=1,
    title="Ask a person",
    manual=(
        "Mails `subject` and `text` with a link through the step's `connection` (of the kind `smtp`) to each address of `to`, and "
        "waits. The link opens a page with the fields of `form` and two buttons; looking at it answers nothing, so mail scanners do "
        "no harm. The first answer counts, and goes on by the handle `approved` or `refused`. The output has the form's fields, "
        "`decision`, `by` (the address whose link it was; null for an answer at `steps.<id>.resume_url`) and `at`. `required` fields "
        "must be filled to approve, not to refuse. After `timeout` it goes on by the handle `timeout`; without an edge there it fails "
        "with `event.timeout`. Open ones are listed by `GET /tasks`."
    ),
    kind="action",
    input_schema=object_of(
        {
            "to": {"anyOf": [*_FORMS, {"type": "array", "items": {"anyOf": _FORMS}, "minItems": 1}]},
            "subject": {"type": "string", "minLength": 1, "maxLength": 500},
            "text": {"type": ["string", "null"], "maxLength": 20_000, "description": "what is asked"},
            "form": {
                **object_of(
                    {
                        "description": _TEXT,
                        "fields": {"type": "array", "items": _FIELD, "maxItems": 100},
                    },
                    description="what the page asks for besides the decision",
                ),
                "x-eval": "raw",
            },
            "timeout": duration("how long to wait; without it, without end"),
        },
        ["to", "subject"],
    ),
    output_schema={
        "anyOf": [
            {
                "type": "object",
                "properties": {
                    "decision": {"enum": ["approved", "refused"]},
                    "by": {"type": ["string", "null"]},
                    "at": {"type": "string", "format": "date-time"},
                },
                "required": ["decision", "by", "at"],
            },
            {"type": "null"},
        ]
    },
    example=Example(
        inputs={
            "to": "ada@example.com",
            "subject": "May order 7 go out?",
            "text": "It is over 1,000 EUR.",
            "form": {"fields": [{"name": "note", "type": "textarea"}]},
            "timeout": "2d",
        },
        output={"decision": "approved", "note": "fine", "by": "ada@example.com", "at": "2026-03-01T09:30:00Z"},
        handle="approved",
        runnable=False,
    ),
    effect=Effect.WRITE,
    idempotent=True,
    keeps=True,
    handles=("approved", "refused", "timeout"),
    timeout=60.0,
    run=run,
)
