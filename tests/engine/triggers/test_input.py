"""What a run's `trigger` is, and at which trigger a run by API begins."""

import pytest

from engine.expressions.values import Json
from engine.problems import Invalid
from engine.spec.document import Document
from engine.spec.load import load
from engine.triggers.input import api_trigger, choose, given_trigger, webhook_trigger

HOOK: Json = {"module": "webhook.trigger", "version": 1}
STEP: Json = {"module": "core.set", "version": 1, "inputs": {"values": {}}}


def document(*edges: str, triggers: tuple[str, ...] = ("hook", "other")) -> Document:
    return load(
        {
            "schema_version": 1,
            "name": "d",
            "triggers": dict.fromkeys(triggers, HOOK),
            "steps": {"a": STEP},
            "edges": [{"from": name, "to": "a"} for name in edges],
        }
    )


def test_without_a_name_the_only_trigger_with_edges_is_meant() -> None:
    assert choose(document(), None) is None
    assert choose(document("hook"), None) == "hook"
    assert choose(document("hook"), "other") == "other"


def test_several_with_edges_are_ambiguous_and_an_unknown_one_is_named_with_the_nearest() -> None:
    with pytest.raises(Invalid) as ambiguous:
        choose(document("hook", "other"), None)
    assert ambiguous.value.code == "trigger.ambiguous"
    with pytest.raises(Invalid) as unknown:
        choose(document("hook"), "hok")
    assert unknown.value.code == "trigger.unknown"
    assert "'hook'" in unknown.value.detail


def test_a_given_trigger_is_completed_with_type_id_and_body() -> None:
    assert given_trigger(document("hook"), {"body": {"n": 1}, "headers": {}}, None) == {
        "body": {"n": 1},
        "headers": {},
        "type": "webhook",
        "id": "hook",
    }
    assert given_trigger(document(), {}, None) == {"type": "api", "id": None, "body": None}
    assert given_trigger(document(), {"type": "schedule", "id": "other"}, None)["id"] == "other"


def test_items_of_a_queue_stand_beside_the_body_and_in_it() -> None:
    items: Json = [{"item_id": "1", "data": 1}]
    whole = {"type": "queue", "id": "hook", "items": items, "body": {"items": items}}
    for given in ({"items": items}, {"body": {"items": items}}, {"items": items, "body": {"items": []}}):
        assert given_trigger(document("hook"), {"type": "queue", **given}, None) == whole
    for wrong in ({}, {"body": 1}, {"items": {}}, {"items": None, "body": {"items": items}}):
        with pytest.raises(Invalid):
            given_trigger(document("hook"), {"type": "queue", **wrong}, None)


@pytest.mark.parametrize(
    "given", [None, [], "x", {"type": "fax"}, {"type": []}, {"id": 7}, {"id": "nobody"}, {"id": "other"}]
)
def test_what_cannot_be_a_trigger_is_refused(given: Json) -> None:
    with pytest.raises(Invalid):
        given_trigger(document("hook"), given, "hook")


def test_a_webhook_shows_its_request_but_no_credential() -> None:
    trigger = webhook_trigger(
        "hook",
        body={"id": 7},
        headers=[
            ("X-Tag", "a"),
            ("x-tag", "b"),
            ("Authorization", "Bearer ms_1"),
            ("X-Api-Key", "ms_2"),
            ("Cookie", "c=1"),
        ],
        query=[("q", "1"), ("q", "2"), ("p", "")],
        method="POST",
    )
    assert trigger["headers"] == {"x-tag": "a, b", "authorization": "***", "x-api-key": "***", "cookie": "***"}
    assert trigger["query"] == {"q": ["1", "2"], "p": ""}
    assert "ms_" not in str(trigger)


def test_an_api_run_has_its_input_as_body() -> None:
    assert api_trigger(None, {"a": 1}) == {"type": "api", "id": None, "body": {"a": 1}}
