"""All tools, found by themselves: a file of this package that exports `TOOL` is one.

Sorted by name, so that a prompt's prefix stays the same.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from typing import cast

import copilot.tools
from copilot.tools.actions import unfit
from copilot.tools.fitting import misfit
from copilot.tools.kit import Kit
from copilot.tools.tool import Answer, Asker, JsonObject, Place, Tool
from engine.expressions.nearest import suggestion
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import parse_json

_LONGEST = 1_000_000
"""Characters of arguments."""


class Tools:
    """By name, in order."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = {name: tools[name] for name in sorted(tools)}

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._tools)

    def get(self, name: str) -> Tool | None:
        return self._tools.get(name)

    def functions(self) -> list[JsonObject]:
        """As the `tools` of an OpenAI request."""
        return [
            {
                "type": "function",
                "function": {"name": each.name, "description": each.description, "parameters": each.parameters},
            }
            for each in self._tools.values()
        ]

    def read(self, name: str, arguments: str) -> JsonObject | str:
        """The arguments as the model wrote them, once they fit; else one sentence that tells it what to change."""
        tool = self._tools.get(name)
        if tool is None:
            return f"There is no tool {name[:60]!r}: there are {', '.join(self._tools)}.{suggestion(name, self._tools)}"
        if len(arguments) > _LONGEST:
            return f"The arguments of `{name}` have {len(arguments):,} characters; at most {_LONGEST:,} are read."
        try:
            given = parse_json(arguments if arguments.strip() else "{}")
        except ParseError as error:
            return f"The arguments of `{name}` are no JSON: {error}. Send one JSON object."
        told = misfit(tool.parameters, given)
        if told is not None:
            return f"The arguments of `{name}` don't fit: {told}"
        return cast("JsonObject", given)

    async def call(self, kit: Kit, asker: Asker, place: Place, name: str, arguments: str) -> Answer:
        """Reads the arguments and runs the tool; whatever is wrong with them is the answer. Raises `Unavailable` only."""
        read = self.read(name, arguments)
        tool = self._tools.get(name)
        if tool is None or isinstance(read, str):
            return unfit(str(read))
        return await tool.run(kit, asker, place, read)


@cache
def load_tools() -> Tools:
    """Those that come with the product."""
    found: dict[str, Tool] = {}
    for file in pkgutil.iter_modules(copilot.tools.__path__):
        tool = getattr(importlib.import_module(f"copilot.tools.{file.name}"), "TOOL", None)
        if tool is not None:
            found[file.name] = cast("Tool", tool)
    return Tools(found)
