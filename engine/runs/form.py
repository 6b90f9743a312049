"""The form of an event step: its fields, the page that shows it, and the posted texts read back as typed values.

A `form` is `{title, description, submit, fields: [{name, label, type, required, options, default, help}]}` with `type` one of
`text textarea email date number integer boolean select`. A step that has only a `schema` gets the form of that schema's properties.
One function turns a form into a JSON Schema, so that a JSON body and a posted form are held to the same rules. Reading is forgiving: what can't
be understood in a form is left out, since the document may be older than this code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from engine.expressions.values import Json

JsonObject = dict[str, Json]
FieldType = Literal["text", "textarea", "email", "date", "number", "integer", "boolean", "select"]
_TYPES: tuple[FieldType, ...] = ("text", "textarea", "email", "date", "number", "integer", "boolean", "select")


@dataclass(frozen=True, slots=True)
class Field:
    """`options` are what a select offers; their values keep their JSON types."""

    name: str
    label: str
    type: FieldType = "text"
    required: bool = False
    options: tuple[Json, ...] = ()
    default: Json = None
    help: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A button of its own, posted as `name=value`. `whole`: the required fields must be filled for it."""

    name: str
    value: str
    label: str
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """`choices` take the place of the one button that `submit` names."""

    title: str
    description: str
    submit: str
    fields: tuple[Field, ...]
    choices: tuple[Choice, ...] = ()


def read_form(form: Json, schema: Json, title: str) -> Form:
    """The form as declared, else that of the schema's properties, else one with a button only."""
    if isinstance(form, dict):
        listed = form.get("fields")
        fields = tuple(
            field for item in (listed if isinstance(listed, list) else []) if (field := _declared(item)) is not None
        )
        return Form(
            _text(form.get("title")) or title,
            _text(form.get("description")),
            _text(form.get("submit")) or "Send",
            fields,
        )
    if isinstance(schema, dict):
        return Form(_text(schema.get("title")) or title, _text(schema.get("description")), "Send", _of_schema(schema))
    return Form(title, "", "Continue", ())


def form_schema(form: Form) -> JsonObject:
    """What a body for this form must be. Fields that aren't required may be absent or null; other keys are refused."""
    properties: JsonObject = {}
    for field in form.fields:
        rule: JsonObject
        if field.type == "select":
            rule = {"enum": [*field.options] if field.required else [*field.options, None]}
        else:
            kind: Json = field.type if field.type in ("number", "integer", "boolean") else "string"
            rule = {"type": kind if field.required else [kind, "null"]}
            if field.required and kind == "string":
                rule["minLength"] = 1
        properties[field.name] = rule
    return {
        "type": "object",
        "properties": properties,
        "required": [field.name for field in form.fields if field.required],
        "additionalProperties": False,
    }


def read_posted(form: Form, pairs: Sequence[tuple[str, str]]) -> JsonObject:
    """Posted texts with the types of their fields. A text that is no number stays a text, for the check to name it."""
    posted = dict(pairs)
    body: JsonObject = {}
    known = {field.name: field for field in form.fields}
    for field in form.fields:
        text = posted.get(field.name)
        if field.type == "boolean":
            body[field.name] = text in ("on", "true", "1", "yes")
        elif text is None or (text == "" and not field.required):
            body[field.name] = None
        else:
            body[field.name] = _typed(field, text)
    body.update({name: text for name, text in posted.items() if name not in known})
    return body


def render_form(form: Form, problem: str = "", values: Mapping[str, Json] | None = None) -> str:
    """A whole HTML page that posts to its own address: no script, nothing fetched from elsewhere."""
    shown = values or {}
    rows = "\n".join(_row(field, shown.get(field.name, field.default)) for field in form.fields)
    note = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    text = f'<p class="text">{escape(form.description)}</p>' if form.description else ""
    main = f'<h1>{escape(form.title)}</h1>{text}{note}\n<form method="post">\n{rows}\n{_buttons(form)}\n</form>'
    return _PAGE.format(title=escape(form.title), main=main)


def render_note(title: str, text: str) -> str:
    """A page that only says something: sent, expired, already answered."""
    return _PAGE.format(title=escape(title), main=f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
"""Sent with every page: its address is a secret, and nothing in it may reach out."""


def _declared(item: Json) -> Field | None:
    if not isinstance(item, dict):
        return None
    name = item.get("name")
    if not isinstance(name, str) or not name:
        return None
    options = item.get("options")
    return Field(
        name=name,
        label=_text(item.get("label")) or name,
        type=_declared_type(item.get("type"), bool(options)),
        required=item.get("required") is True,
        options=tuple(options) if isinstance(options, list) else (),
        default=item.get("default"),
        help=_text(item.get("help")),
    )


def _declared_type(named: Json, options: bool) -> FieldType:
    for known in _TYPES:
        if known == named:
            return known
    return "select" if options else "text"


def _of_schema(schema: JsonObject) -> tuple[Field, ...]:
    properties, required = schema.get("properties"), schema.get("required")
    needed = required if isinstance(required, list) else []
    fields: list[Field] = []
    for name, rule in (properties if isinstance(properties, dict) else {}).items():
        below: JsonObject = rule if isinstance(rule, dict) else {}
        options = below.get("enum")
        fields.append(
            Field(
                name=name,
                label=_text(below.get("title")) or name,
                type="select" if isinstance(options, list) else _type_of(below),
                required=name in needed,
                options=tuple(options) if isinstance(options, list) else (),
                default=below.get("default"),
                help=_text(below.get("description")),
            )
        )
    return tuple(fields)


def _type_of(rule: JsonObject) -> FieldType:
    match rule.get("type"), rule.get("format"):
        case "number", _:
            return "number"
        case "integer", _:
            return "integer"
        case "boolean", _:
            return "boolean"
        case _, "email":
            return "email"
        case _, "date":
            return "date"
        case _:
            return "text"


def _typed(field: Field, text: str) -> Json:
    if field.type == "select":
        return next((option for option in field.options if _shown(option) == text), text)
    try:
        if field.type == "integer":
            return int(text)
        if field.type == "number":
            number = float(text)
            return text if number != number or number in (float("inf"), float("-inf")) else number
    except ValueError:
        return text
    return text


def _row(field: Field, value: Json) -> str:
    name = escape(field.name, quote=True)
    needed = " required" if field.required and field.type != "boolean" else ""
    text = escape(_shown(value), quote=True)
    if field.type == "textarea":
        control = f'<textarea name="{name}"{needed} rows="5">{text}</textarea>'
    elif field.type == "select":
        empty = "" if field.required else '<option value=""></option>'
        options = "".join(
            f'<option value="{escape(_shown(option), quote=True)}"{" selected" if option == value else ""}>'
            f"{escape(_shown(option))}</option>"
            for option in field.options
        )
        control = f'<select name="{name}"{needed}>{empty}{options}</select>'
    elif field.type == "boolean":
        control = f'<input type="checkbox" name="{name}"{" checked" if value is True else ""}>'
    else:
        kind = "number" if field.type in ("number", "integer") else field.type
        step = ' step="any"' if field.type == "number" else ""
        control = f'<input type="{kind}" name="{name}" value="{text}"{step}{needed}>'
    hint = f"<small>{escape(field.help)}</small>" if field.help else ""
    return f"<label>{escape(field.label)}{control}{hint}</label>"


def _buttons(form: Form) -> str:
    if not form.choices:
        return f'<button type="submit">{escape(form.submit)}</button>'
    return " ".join(
        f'<button type="submit" name="{escape(each.name, quote=True)}" value="{escape(each.value, quote=True)}"'
        f"{_PARTIAL if not each.whole else ''}>{escape(each.label)}</button>"
        for each in form.choices
    )


def _shown(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


_PARTIAL = ' class="other" formnovalidate'
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; color: #1d2433; }}
h1 {{ font-size: 1.4rem; }} label {{ display: block; margin: 1rem 0; }} small {{ display: block; color: #5b6478; }}
input, textarea, select {{ display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .5rem; margin-top: .25rem;
 border: 1px solid #aab2c5; border-radius: 6px; }} input[type=checkbox] {{ display: inline; width: auto; margin-left: .5rem; }}
button {{ font: inherit; padding: .55rem 1.4rem; border: 0; border-radius: 6px; background: #1f4fd8; color: #fff; }}
button.other {{ background: #fff; color: #1d2433; border: 1px solid #aab2c5; }} .text {{ white-space: pre-line; overflow-wrap: anywhere; }}
.problem {{ background: #fdecec; color: #8a1420; padding: .6rem .8rem; border-radius: 6px; }}
</style></head><body><main>{main}</main></body></html>
"""
