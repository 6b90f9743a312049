"""The registry finds what is there, and says what a file does wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from modules.registry import BrokenModule, Registry, declared_in, files, load_registry, name_of
from modules.sdk.declaration import Example, Module

CORE = "aggregate assert break continue fail for_each if log merge race respond set set_state stop subworkflow switch try validate"
EXPECTED = {
    *(f"core.{action}" for action in [*CORE.split(), "wait", "wait_for_event", "while"]),
    *("data.format", "data.parse", "data.transform", "http.request", "text.template", "webhook.trigger"),
    *("kv.delete", "kv.get", "kv.increment", "kv.set", "postgres.query", "queue.consumer", "queue.enqueue"),
    *("email.send", "email.trigger", "human.approve", "poll.trigger", "schedule.trigger"),
    *("event.emit", "event.trigger", "workflow.finished"),
    *("code.javascript", "code.python", "files.delete", "files.read", "files.write", "llm.prompt"),
}


def module(version: int) -> Module:
    return Module(
        name="a.b",
        version=version,
        title="A",
        manual="m",
        kind="action",
        input_schema={},
        output_schema={},
        example=Example({}, None),
    )


def test_all_modules_are_there() -> None:
    registry = load_registry()
    assert set(registry.names()) == EXPECTED
    assert list(registry.names()) == sorted(EXPECTED)
    assert len(files()) == len(EXPECTED)
    found = registry.get("core.if", 1)
    assert found is not None
    assert (found.key, registry.newest("core.if")) == ("core.if@1", 1)
    assert registry.get("core.if", 2) is None
    assert registry.get("core.iff", 1) is None
    assert registry.newest("core.iff") is None
    assert set(registry.pure()) == {"core.set@1", "core.merge@1", "core.aggregate@1"}


def test_versions_live_side_by_side() -> None:
    registry = Registry([module(2), module(1), module(10)])
    assert registry.newest("a.b") == 10
    assert [each.version for each in registry.all()] == [1, 2, 10]
    with pytest.raises(BrokenModule, match="two files"):
        Registry([module(1), module(1)])


@pytest.mark.parametrize(
    ("file", "name", "version"),
    [
        ("modules.core.if_", "core.if", None),
        ("modules.core.set_state", "core.set_state", None),
        ("modules.core.while__v2", "core.while", 2),
        ("modules.http.request_v3", "http.request", 3),
        ("modules.x.a_v0", "x.a_v0", None),
    ],
)
def test_a_file_stands_for_a_name(file: str, name: str, version: int | None) -> None:
    assert name_of(file) == (name, version)


def test_a_file_without_a_module_is_named() -> None:
    with pytest.raises(BrokenModule, match=r"modules\.sdk\.json"):
        declared_in("modules.sdk.json")


def test_declarations_load_no_library() -> None:
    """Every process reads all declarations at its start."""
    code = (
        "import sys; from modules.registry import load_registry; load_registry();"
        "print(sorted({n.partition('.')[0] for n in sys.modules} & {'jsonata','jmespath','jsonschema','yaml','defusedxml','httpx','asyncio'}))"
    )
    root = Path(__file__).parents[2]
    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=root).stdout
        == "[]\n"
    )
