"""What the copilot finds out about modules."""

import json

from copilot.tools.registry import load_tools
from tests.copilot.tools.toolbox import Toolbox, as_object, placed, unmarked


def test_tools_are_the_same_each_time_and_fit_what_endpoints_take() -> None:
    functions = load_tools().functions()
    names = [as_object(each["function"])["name"] for each in functions]
    assert names == sorted(str(name) for name in names)
    assert json.dumps(functions) == json.dumps(load_tools().functions())
    for each in functions:
        about = as_object(each["function"])
        schema = as_object(about["parameters"])
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
        assert 0 < len(str(about["description"])) < 1_024


async def test_modules_are_found_by_what_they_do_and_described_with_an_example(box: Toolbox) -> None:
    for question, module in (
        ("send an e-mail", "email.send"),
        ("call an HTTP API", "http.request"),
        ("repeat for each item of a list", "core.for_each"),
        ("start on a webhook request", "webhook.trigger"),
    ):
        found = await box.content("modules", "search", query=question)
        rows = as_object(found["modules"])["data"]
        assert isinstance(rows, list)
        assert module in [as_object(row)["module"] for row in rows], question
    everything = as_object((await box.content("modules", "search"))["modules"])["data"]
    assert isinstance(everything, list)
    assert set(everything) == set(box.kit.registry.names())
    for name in box.kit.registry.names():
        told = as_object(as_object((await box.content("modules", "describe", module=name))["module"])["data"])
        assert told["module"] == name
        assert {"inputs", "handles", "example", "manual"} <= set(told), name


async def test_what_cannot_be_is_told_in_one_sentence(box: Toolbox) -> None:
    for tool, action, arguments, word in (
        ("modules", "describe", {"module": "http.requset"}, "http.request"),
        ("modules", "describe", {}, "needs `module`"),
        ("modules", "describe", {"module": "http.request", "query": "x"}, "no argument 'query'"),
        ("modules", "describe", {"module": 7}, "module"),
        ("modules", "find", {}, "action"),
        ("module", "search", {}, "modules"),
    ):
        answer = await box.call(tool, action, **arguments)
        assert answer.error is not None
        assert word in json.dumps(answer.content), answer.content
    for text in ("", "[]", "{", "null", '{"action": "search", "action": "x"}', "x" * 2_000_000):
        answer = await box.tools.call(box.kit, box.askers["editor"], placed(), "modules", text)
        assert answer.error == "tool.arguments"
        assert sum(len(each) for each in unmarked(answer.content)) < 1_000
