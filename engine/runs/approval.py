"""Approvals: what the page of a `human.approve` step asks, how an answer is read, and what is told of one that was given.

An answer is `{decision, …the form's fields, by, at}`, with the decision first: whoever reads it piece by piece meets it at once. `required`
fields are so for an approval only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from engine.core.nodes.approve import APPROVED, DECISION, REFUSED
from engine.expressions.values import Json
from engine.runs.form import Choice, Form, form_schema, read_form
from engine.spec.document import Step
from engine.views import moment

JsonObject = dict[str, Json]

CHOICES = (Choice(DECISION, APPROVED, "Approve"), Choice(DECISION, REFUSED, "Refuse", whole=False))


def approval_form(step: Step, asked: Json) -> Form:
    """`asked` are the step's inputs as its row has them; None where they aren't known (yet), or not kept."""
    given = step.inputs.get("form")
    form = read_form(given if isinstance(given, dict) else {}, None, step.title or step.id)
    seen: Mapping[str, Json] = asked if isinstance(asked, dict) else {}
    subject, text = seen.get("subject"), seen.get("text")
    return replace(
        form,
        title=subject if isinstance(subject, str) and subject else form.title,
        description="\n\n".join(part for part in (text, form.description) if isinstance(part, str) and part),
        choices=CHOICES,
    )


def needed(form: Form, posted: Json) -> Form:
    """The form as far as this answer has to fill it."""
    if not isinstance(posted, dict) or posted.get(DECISION) != REFUSED:
        return form
    return replace(form, fields=tuple(replace(field, required=False) for field in form.fields))


def answer_schema(form: Form) -> JsonObject:
    """What a body must be."""
    schema = form_schema(form)
    properties, required = schema["properties"], schema["required"]
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    decision: JsonObject = {DECISION: {"enum": [APPROVED, REFUSED]}}
    return {**schema, "properties": {**decision, **properties}, "required": [DECISION, *required]}


def as_answer(posted: JsonObject, who: str | None) -> JsonObject:
    """The step's output: a body that fits, with whose address it came by, and when."""
    fields = {name: value for name, value in posted.items() if name != DECISION}
    return {DECISION: posted[DECISION], **fields, "by": who, "at": moment(datetime.now(UTC))}


def told(answer: Json) -> str:
    """An answer in one sentence; empty of what is none."""
    if not isinstance(answer, dict) or DECISION not in answer:
        return ""
    what = "Approved" if answer[DECISION] == APPROVED else "Refused"
    who, when = answer.get("by"), str(answer.get("at"))[:16].replace("T", " ")
    return f"{what}{f' by {who}' if isinstance(who, str) else ''}, {when} UTC."
