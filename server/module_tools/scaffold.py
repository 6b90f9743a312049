"""A new module and its test, which pass the check as they are: what is left is to make them do something else."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Literal

_NAME = re.compile(r"(?P<app>[a-z][a-z0-9_]*)\.(?P<action>[a-z][a-z0-9_]*)")

Effect = Literal["none", "read", "write"]

_PURE = '''"""`{name}`: greets."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of


def greet(inputs: JsonObject) -> Result:
    return Result({{"text": f"Hello, {{inputs['name']}}"}})


MODULE = Module(
    name="{name}",
    version=1,
    title="{title}",
    manual="Greets `name` and gives `{{text}}`. Say here in one paragraph what the module does, what it gives, and how it fails.",
    kind="action",
    input_schema=object_of({{"name": {{"type": "string", "description": "whom to greet"}}}}, ["name"]),
    output_schema=object_of({{"text": {{"type": "string"}}}}, ["text"]),
    example=Example(inputs={{"name": "Ada"}}, output={{"text": "Hello, Ada"}}),
    pure=greet,
)
'''

_PURE_TEST = '''"""`{name}` gives what its manual says."""

from {file} import MODULE


def test_it_greets_by_name() -> None:
    assert MODULE.pure is not None
    assert MODULE.pure({{"name": "Grace"}}).output == {{"text": "Hello, Grace"}}
'''

_OUTSIDE = '''"""`{name}`: asks a service."""

from __future__ import annotations

from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.schema import object_of
from modules.sdk.strict_json import parse_json
from modules.sdk.verdicts import ModuleError, Rejected


async def run(inputs: JsonObject, context: Context) -> Result:
    answer = await context.http.request(
        "{method}",
        str(inputs["url"]),
{arguments}        timeout=context.timeout,
    )
    if answer.status in (400, 422):
        raise Rejected("{app}.refused", f"the service refuses this input ({{answer.status}})")
    if not 200 <= answer.status < 300:
        raise ModuleError(f"http.{{answer.status}}", f"the service answered {{answer.status}}")
    try:
        return Result(parse_json(answer.body))
    except ValueError as error:
        raise Rejected("{app}.answer", f"the answer is not JSON: {{error}}") from None


MODULE = Module(
    name="{name}",
    version=1,
    title="{title}",
    manual="{verb} `url` and gives the answer, which is JSON. Say here in one paragraph what the module does and how it fails.",
    kind="action",
    input_schema=object_of({{"url": {{"type": "string", "minLength": 1}}{properties}}}, ["url"]),
    output_schema={{"description": "the answer"}},
    example=Example(inputs={{"url": "https://service.example/items"}}, output={{"id": 7}}, runnable=False),
    effect=Effect.{effect},
    run=run,
)
'''

_OUTSIDE_TEST = '''"""`{name}` against a server of its own."""

import pytest

from {file} import MODULE
from modules.sdk.verdicts import ModuleError
from tests.fixtures.http_server import Answer, HttpServer
from tests.fixtures.module_host import ModuleHost


async def test_the_answer_is_given(http_server: HttpServer, module_host: ModuleHost) -> None:
    http_server.answer("{method}", "/items", Answer.of_json({{"id": 7}}))
    result = await module_host.run(MODULE, {{"url": http_server.url + "/items"}})
    assert result.output == {{"id": 7}}


async def test_a_refusal_is_told(http_server: HttpServer, module_host: ModuleHost) -> None:
    http_server.answer("{method}", "/items", Answer(422))
    with pytest.raises(ModuleError) as caught:
        await module_host.run(MODULE, {{"url": http_server.url + "/items"}})
    assert caught.value.code == "{app}.refused"
'''

_WRITE_ARGUMENTS = """        headers={"content-type": "application/json", "idempotency-key": context.idempotency_key},
        content=dumps(inputs.get("item")),
"""


class CannotWrite(Exception):
    """The name is none, or something is already there; the message says which and what to do."""


def write_module(root: Path, name: str, effect: Effect) -> tuple[Path, Path]:
    """Writes the module and its test into the source tree at `root`; gives both paths. Raises CannotWrite and writes nothing."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise CannotWrite(
            f"{name!r} is not `app.action` in lower case letters, digits and underscores, such as crm.find"
        )
    app, action = match["app"], match["action"]
    if app == "sdk" or keyword.iskeyword(app):
        raise CannotWrite(f"an app can't be named {app!r}")
    if not (root / "modules" / "sdk").is_dir() or not (root / "tests").is_dir():
        raise CannotWrite(f"{str(root)!r} is not a source tree of Millstream: modules are written in a checkout")
    stem = f"{action}_" if keyword.iskeyword(action) else action
    module = root / "modules" / app / f"{stem}.py"
    test = root / "tests" / "modules" / app / f"test_{action}.py"
    for path in (module, test):
        if path.exists():
            raise CannotWrite(
                f"{path.relative_to(root).as_posix()!r} is already there: choose another name, or edit it"
            )
    words = {
        "name": name,
        "app": app,
        "file": f"modules.{app}.{stem}",
        "title": action.replace("_", " ").capitalize()[:40],
        "effect": effect.upper(),
        "method": "POST" if effect == "write" else "GET",
        "verb": "Posts `item` to" if effect == "write" else "Asks",
        "arguments": _WRITE_ARGUMENTS if effect == "write" else "",
        "properties": ', "item": {"description": "what to post"}' if effect == "write" else "",
    }
    source = (_PURE if effect == "none" else _OUTSIDE).format(**words)
    if effect == "read":
        source = source.replace("from modules.sdk.json_bytes import dumps\n", "")
    _write(module, source)
    _write(test, (_PURE_TEST if effect == "none" else _OUTSIDE_TEST).format(**words))
    package = module.parent / "__init__.py"
    if not package.exists():
        package.touch()
    return module, test


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
