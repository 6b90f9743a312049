"""The check passes on all modules, and finds what is wrong in one that is."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from modules.registry import BrokenModule, load_registry
from modules.sdk.declaration import Effect, EffectByInput, EffectOf, Example, HandlesFromInput, Module, Result
from modules.sdk.json import Json, JsonObject
from modules.sdk.schema import object_of
from server.module_tools.checking import ROOT, check
from server.module_tools.codes import CODES
from server.module_tools.declarations import check_declaration
from server.module_tools.examples import check_examples
from server.module_tools.manual import PAGE, page
from server.module_tools.sources import check_app, check_source


async def test_all_modules_pass() -> None:
    flaws, count = await check()
    assert flaws == []
    assert count == len(load_registry().all())


async def test_a_part_can_be_checked() -> None:
    assert (await check(ROOT / "modules" / "kv"))[1] == 4
    assert (await check(ROOT / "modules" / "core" / "if_.py"))[1] == 1
    with pytest.raises(BrokenModule, match="no module at"):
        await check(ROOT / "server")


def test_the_page_of_modules_is_what_the_declarations_say() -> None:
    assert PAGE.read_text() == page(), "run: python -m server.module_tools.manual"


def test_every_code_that_is_raised_is_listed() -> None:
    raised = {
        "http.<status>",
        "module.failed",
        "payload.too_large",
        "postgres.<class>",
        "postgres.blocked",
        "smtp.<code>",
    }
    own = {"postgres.08"}  # one of the classes
    for app in ("data", "validate"):  # the codes of the isolated pool, which take the caller's first part
        raised |= {f"{app}.timeout", f"{app}.memory", f"{app}.ended"}
    for folder in ("modules", "workspace/egress", "workspace/postgres", "engine/isolated", "engine/sandbox"):
        for file in (ROOT / folder).rglob("*.py"):
            found = re.findall(r"(?:ModuleError\(|Rejected\(|cpu_limit\(\w+,)\s*\"([a-z_.]+)\"", file.read_text())
            raised |= set(found) - own
    raised |= {"code.memory"}  # said by the child
    raised |= set(re.findall(r"Rejected\(\s*\"(kv[a-z_.]+)\"", (ROOT / "workspace/key_values.py").read_text()))
    assert raised == set(CODES)
    assert list(CODES) == sorted(CODES)


def good(inputs: JsonObject) -> Result:
    return Result({"text": inputs["name"]})


GOOD = Module(
    name="crm.find",
    version=1,
    title="Find",
    manual="Finds a customer by name and gives the text that stands there.",
    kind="action",
    input_schema=object_of({"name": {"type": "string"}}, ["name"]),
    output_schema=object_of({"text": {"type": "string"}}, ["text"]),
    example=Example({"name": "Ada"}, {"text": "Ada"}),
    pure=good,
)


async def run(inputs: JsonObject, context: object) -> Result:
    return good(inputs)


def test_a_good_declaration_has_no_flaw() -> None:
    assert list(check_declaration(GOOD)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "Crm.Find"}, "lower case"),
        ({"name": "find"}, "app.action"),
        ({"version": 0}, "positive"),
        ({"title": " "}, "title"),
        ({"manual": "Two\nparagraphs of a manual that is long enough otherwise."}, "one paragraph"),
        ({"manual": "Too short."}, "one paragraph"),
        ({"timeout": 0.0}, "timeout"),
        ({"pure": None}, "has `pure`"),
        ({"pure": None, "run": good, "effect": Effect.READ}, "async"),
        ({"effect": Effect.READ}, "has `run`"),
        ({"pure": None, "run": run, "isolated": True, "effect": Effect.READ}, "effect none"),
        ({"kind": "control"}, "neither `run` nor `pure`"),
        ({"handles": ("out", "out")}, "twice"),
        ({"handles": ("out", "error")}, "on_error: branch"),
        ({"handles": ("Yes", "out")}, "can't be the name"),
        ({"handles": ("yes",)}, "isn't declared"),
        ({"handles": HandlesFromInput("cases", "handle", ("out",))}, "isn't in the schema"),
        ({"slots": ("a b",)}, "can't be the name"),
        (
            {
                "effect": EffectByInput("mode", {"x": EffectOf(Effect.READ)}, EffectOf(Effect.READ), "X"),
                "pure": None,
                "run": run,
            },
            "upper case",
        ),
        ({"input_schema": {"type": "nonsense"}}, "input schema is wrong"),
        ({"input_schema": {"type": "object"}}, "additionalProperties"),
        ({"example": Example({"nam": "Ada"}, {"text": "Ada"})}, "doesn't fit the input schema"),
        ({"example": Example({"name": "Ada"}, {"text": 1})}, "doesn't fit the output schema"),
        ({"input_schema": object_of({"name": {"x-eval": "sometimes"}})}, "x-eval"),
        ({"input_schema": object_of({"name": {"x-scope": []}})}, "x-scope"),
        ({"input_schema": object_of({"name": {"x-evil": "later"}})}, "means nothing"),
        ({"input_schema": object_of({"name": {"$ref": "http://x/"}})}, "leads out"),
        ({"output_schema": {"x-eval": "raw"}}, "x-eval"),
    ],
)
def test_each_flaw_is_told(change: dict[str, object], told: str) -> None:
    assert any(told in message for message in check_declaration(replace(GOOD, **change)))  # type: ignore[arg-type]


async def test_an_example_must_come_true() -> None:
    async def flaws(**change: object) -> list[str]:
        return [message async for _, message in check_examples([replace(GOOD, **change)])]  # type: ignore[arg-type]

    assert await flaws() == []
    wrong: Json = {"text": "Bob"}
    assert "gave" in (await flaws(example=Example({"name": "Ada"}, wrong)))[0]
    assert "handle" in (await flaws(example=Example({"name": "Ada"}, {"text": "Ada"}, handle="yes")))[0]


async def test_constructs_run_their_examples() -> None:
    condition = load_registry().get("core.if", 1)
    assert condition is not None
    wrong = replace(condition, example=Example({"condition": 1}, None, handle="false"))
    assert [message async for _, message in check_examples([condition])] == []
    assert len([message async for _, message in check_examples([wrong])]) == 1


SOURCE = '"""A module."""\n\nfrom modules.sdk.json import Json\n'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import os", "'os'"),
        ("import httpx", "'httpx'"),
        ("from urllib.request import urlopen", "'urllib.request.urlopen'"),
        ("from socket import socket", "'socket.socket'"),
        ("from db import pool", "not the engine"),
        ("from modules.http import request", "only modules.sdk"),
        ("from . import other", "absolute"),
        ("import yaml", "inside the function"),
        ("x = open('f')", "open()"),
        ("def f():\n    import subprocess", "'subprocess'"),
        ("def (", "not Python"),
    ],
)
def test_what_a_source_may_not_hold(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "modules" / "crm" / "find.py"
    file.parent.mkdir(parents=True)
    file.write_text(SOURCE)
    assert list(check_source(tmp_path, file)) == []
    file.write_text(SOURCE + line + "\n")
    assert any(told in flaw.message for flaw in check_source(tmp_path, file))


def test_the_shape_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "modules" / "crm"
    folder.mkdir(parents=True)
    (folder / "Find.py").write_text(SOURCE)
    (folder / "notes.txt").touch()
    (folder / "plain.py").write_text("x = 1\n")
    told = "\n".join(flaw.message for flaw in check_app(tmp_path, "crm"))
    for part in ("__init__.py", "file's name", "Python files only", "no docstring"):
        assert part in told
