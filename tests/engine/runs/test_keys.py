"""Keys: never an error, the same for the same value, and always storable."""

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.expressions.template import compile_value
from engine.expressions.values import Json
from engine.runs.keys import accept_scope, evaluate_key, key_text, reads_variables

_TRIGGER: dict[str, Json] = {"type": "api", "id": None, "body": {"customer": "c1", "n": 7, "nothing": None}}


def _key(source: str) -> tuple[str | None, str | None]:
    scope = accept_scope(_TRIGGER, {"REGION": "eu"}, {"id": "w", "name": "order", "version": 3}, "r-1")
    found = evaluate_key(compile_value(source), scope, "concurrency_key")
    return found.key, found.warning


def test_a_key_is_the_text_of_its_value() -> None:
    assert _key("{{ trigger.body.customer }}") == ("c1", None)
    assert _key("{{ input.n }}") == ("7", None)
    assert _key("{{ vars.REGION }}-{{ workflow.name }}") == ("eu-order", None)
    assert _key("{{ run.id }}") == ("r-1", None)
    assert _key("{{ trigger.body.nothing }}") == (None, None)


def test_an_evaluation_error_means_no_key_and_a_warning_that_names_it() -> None:
    key, warning = _key("{{ trigger.body.costumer }}")
    assert key is None
    assert warning is not None
    assert "'customer'" in warning


def test_variables_are_read_only_where_a_key_needs_them() -> None:
    assert reads_variables(compile_value("{{ vars.X }}"))
    assert not reads_variables(compile_value("{{ trigger.body.vars }}"))


@settings(max_examples=200)
@given(
    st.one_of(
        st.text(), st.text(min_size=300), st.lists(st.integers() | st.text()), st.just("\ud800"), st.just("a\x00b")
    )
)
def test_every_key_can_be_stored_and_different_values_differ(value: Json) -> None:
    key = key_text(value)
    if key is None:
        assert value == ""
        return
    assert "\x00" not in key
    assert len(key.encode()) <= 400
    assert key_text(value) == key
