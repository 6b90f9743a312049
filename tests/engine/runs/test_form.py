"""A form, its page and its posted values: three views of one declaration."""

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.expressions.values import Json
from engine.input_check import check_now
from engine.runs.form import form_schema, read_form, read_posted, render_form

DECLARED: Json = {
    "title": "Refund <b>",
    "fields": [
        {"name": "amount", "type": "number", "required": True},
        {"name": "count", "type": "integer"},
        {"name": "sure", "type": "boolean"},
        {"name": "tier", "options": [1, 2, "gold"], "default": 2},
        {"name": "why", "type": "textarea", "help": "in a sentence"},
    ],
}


def test_posted_texts_come_back_with_the_types_of_their_fields() -> None:
    form = read_form(DECLARED, None, "x")
    body = read_posted(form, [("amount", "12.5"), ("count", "3"), ("sure", "on"), ("tier", "2"), ("why", "")])
    assert body == {"amount": 12.5, "count": 3, "sure": True, "tier": 2, "why": None}
    assert check_now(form_schema(form), body) == []


def test_what_is_missing_wrong_or_unasked_is_named() -> None:
    form = read_form(DECLARED, None, "x")
    body = read_posted(form, [("count", "many"), ("extra", "1")])
    found = [(item["path"], item["message"]) for item in check_now(form_schema(form), body) if isinstance(item, dict)]
    assert ("/amount", "None is not of type 'number'") in found
    assert any(path == "/count" for path, _ in found)
    assert any("'extra'" in str(message) for _, message in found)


def test_a_page_shows_every_field_and_never_runs_what_an_author_wrote() -> None:
    page = render_form(read_form(DECLARED, None, "x"), problem="<script>alert(1)</script>")
    assert "Refund &lt;b&gt;" in page
    assert "<script" not in page
    for name in ("amount", "count", "sure", "tier", "why"):
        assert f'name="{name}"' in page
    assert '<option value="2" selected>' in page


def test_a_schema_alone_gives_a_form_too() -> None:
    schema: Json = {
        "title": "Approve",
        "required": ["by"],
        "properties": {"by": {"type": "string", "format": "email"}, "ok": {"type": "boolean"}, "n": {"enum": [1, 2]}},
    }
    form = read_form(None, schema, "x")
    assert [(field.name, field.type, field.required) for field in form.fields] == [
        ("by", "email", True),
        ("ok", "boolean", False),
        ("n", "select", False),
    ]
    assert read_posted(form, [("by", "a@b.c"), ("n", "2")]) == {"by": "a@b.c", "ok": False, "n": 2}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(["fields", "name", "type", "options", "properties", "enum", "title", "required"]), below
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(_JSON, _JSON)
def test_any_declaration_gives_a_page(form: Json, schema: Json) -> None:
    read = read_form(form, schema, "title")
    assert render_form(read).startswith("<!doctype html>")
    read_posted(read, [("a", "b")])
