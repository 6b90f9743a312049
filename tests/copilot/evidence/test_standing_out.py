"""What a person must not overlook in a change, by kind, and nothing where nothing reaches further."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.evidence.standing_out import stands_out
from engine.expressions.values import Json
from tests.copilot.evidence.orders import REGISTRY, Raw, changed, orders, with_mail

SECRETS = frozenset({"SHOP_TOKEN"})


def told(change: Callable[[Raw], object], base: Raw | None = None) -> list[tuple[str, str | None]]:
    live = orders() if base is None else base
    return [(one.kind, one.node) for one in stands_out(live, changed(change, live), REGISTRY, SECRETS)]


def step(id_: str, **inputs: Json) -> Callable[[Raw], object]:
    return lambda document: document["steps"][id_]["inputs"].update(inputs)


def put(id_: str, module: str, **inputs: Json) -> Callable[[Raw], object]:
    return lambda document: document["steps"].update({id_: {"module": module, "inputs": inputs}})


CASES: list[tuple[Callable[[Raw], object], list[tuple[str, str | None]]]] = [
    (step("tell", url="https://shop.example/orders/2"), []),
    (step("tell", url="https://evil.example/orders"), [("host", "tell")]),
    (step("tell", url="http://SHOP.example:8443/x"), [("host", "tell")]),
    (step("tell", url="https://shop.example@evil.example/x"), [("host", "tell")]),
    (step("tell", url="{{ input.to }}"), [("host", "tell")]),
    (step("tell", url="https://{{ input.to }}/x"), [("host", "tell")]),
    (step("tell", url="ht{{ 'tp' }}s://evil.example/x"), [("host", "tell")]),
    (step("tell", url="https://shop.example{{ input.to }}"), [("host", "tell")]),
    (step("tell", url="https://shop.example\\@evil.example/"), [("host", "tell")]),
    (step("tell", url="https://shop.example/orders/{{ input.id }}?x={{ input.to }}"), []),
    (step("tell", url="/orders/{{ input.id }}"), []),
    (put("more", "event.emit", name="order.paid"), [("workflow", "more")]),
    (put("more", "queue.enqueue", queue="letters", items=[1]), [("workflow", "more")]),
    (step("tell", pagination={"next": "{{ body.next }}", "items": "{{ body.items }}"}), [("host", "tell")]),
    (put("more", "http.request", url="https://shop.example/x"), []),
    (put("more", "http.request", url="https://cdn.example/x"), [("host", "more")]),
    (lambda d: d["steps"]["tell"].update(connection="shop"), [("connection", "tell")]),
    (step("tell", headers={"x-key": "{{ vars.SHOP_TOKEN }}"}), [("credential", "tell")]),
    (step("tell", headers={"x-key": "{{ vars.PLAIN }}"}), []),
    (step("tell", headers={"Authorization": "Bearer x"}), [("credential", "tell")]),
    (step("tell", auth={"bearer": "abc"}), [("credential", "tell")]),
    (step("sum", source="def main(input):\n    return 2\n"), [("code", "sum")]),
    (put("more", "code.javascript", source="return 1"), [("code", "more")]),
    (
        lambda d: d["triggers"].update(daily={"module": "schedule.trigger", "inputs": {"every": "1d"}}),
        [("trigger", "daily")],
    ),
    (lambda d: d["triggers"]["hook"]["inputs"].update(auth="none"), [("trigger", "hook")]),
    (lambda d: d["edges"].append({"from": "hook", "to": "note"}), [("trigger", "hook")]),
    (lambda d: d["triggers"].clear(), [("trigger", "hook")]),
    (
        lambda d: d["triggers"].update(
            poll={"module": "poll.trigger", "inputs": {"request": {"url": "https://feed.example/"}}}
        ),
        [("host", "poll"), ("trigger", "poll")],
    ),
    (lambda d: with_mail(d, "Ann <ann@x.example>"), [("connection", "mail"), ("recipient", "mail")]),
    (lambda d: with_mail(d, "{{ input.to }}"), [("connection", "mail"), ("recipient", "mail")]),
    (lambda d: d["steps"].pop("note"), [("deletion", "note")]),
    (lambda d: d["steps"]["check"].update(disabled=True), [("deletion", "check")]),
    (step("tell", method="DELETE"), [("deletion", "tell")]),
    (put("more", "files.delete", file_id="{{ input.id }}"), [("deletion", "more")]),
    (put("more", "postgres.query", sql="drop table x", mode="execute"), [("deletion", "more")]),
    (put("more", "core.subworkflow", workflow="other"), [("workflow", "more")]),
    (lambda d: d["tests"].pop(), [("test", None)]),
    (lambda d: d["tests"][0].pop("expect"), [("test", None)]),
    (lambda d: d["tests"].append({"name": "third", "input": {}}), []),
    (lambda d: d.update(title="Other"), []),
    (step("note", key="other"), []),
]


@pytest.mark.parametrize("place", range(len(CASES)))
def test_each_kind_stands_out(place: int) -> None:
    change, expected = CASES[place]
    assert told(change) == expected


def test_recipients_and_connections_of_a_mail_that_changes() -> None:
    live = changed(lambda d: with_mail(d, "ann@x.example"))
    assert told(step("mail", to="ANN@x.example"), live) == []
    assert told(step("mail", to="bob@x.example"), live) == [("recipient", "mail")]
    assert told(step("mail", bcc=["eve@x.example", "ann@x.example"]), live) == [("recipient", "mail")]
    assert told(lambda d: d["steps"]["mail"].update(connection="other"), live) == [("connection", "mail")]
    linked = changed(lambda d: d["steps"]["tell"].update(connection="shop"))
    assert told(step("tell", url="https://shop.example/elsewhere"), linked) == [("connection", "tell")]


def test_where_nothing_is_live_all_of_it_stands_out() -> None:
    found = {one.kind for one in stands_out(None, changed(lambda d: with_mail(d, "a@b.example")), REGISTRY, SECRETS)}
    assert found == {"host", "connection", "code", "trigger", "recipient"}


@given(
    st.recursive(
        st.none() | st.integers(0, 2) | st.sampled_from(["{{ x", "https://", "http.request", "poll.trigger", "a@b"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["steps", "module", "inputs", "url", "request", "headers", "tests", "a"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_taken(value: Json) -> None:
    for document in (
        value,
        {"steps": value},
        {"steps": {"a": value}},
        {"triggers": {"a": {"module": "poll.trigger", "inputs": value}}},
    ):
        stands_out(orders(), document, REGISTRY, SECRETS)
        stands_out(document, orders(), REGISTRY, SECRETS)
