"""The guide for authors of modules says what is true."""

from __future__ import annotations

import re
from dataclasses import fields

from modules.sdk import verdicts
from modules.sdk.context import Context
from modules.sdk.declaration import Module
from server.module_tools.checking import ROOT
from server.module_tools.declarations import check_declaration
from server.module_tools.examples import check_examples

GUIDE = (ROOT / "docs" / "writing-modules.md").read_text()


async def test_the_module_of_the_guide_is_a_good_one() -> None:
    [source] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    names: dict[str, object] = {}
    exec(source, names)
    module = names["MODULE"]
    assert isinstance(module, Module)
    assert list(check_declaration(module)) == []
    assert [message async for _, message in check_examples([module])] == []


def test_the_guide_names_all_of_the_context_and_each_verdict() -> None:
    for field in fields(Context):
        assert f"context.{field.name}" in GUIDE
    for name, verdict in vars(verdicts).items():
        if isinstance(verdict, type) and issubclass(verdict, verdicts.ModuleError):
            assert f"`{name}(" in GUIDE
