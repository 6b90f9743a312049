"""The page of all modules, written from their declarations: `python -m server.module_tools.manual` writes `docs/modules.md`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from modules.registry import load_registry
from modules.sdk.declaration import EffectByInput, HandlesFromInput, Module
from modules.sdk.json import Json, JsonObject
from server.module_tools.checking import ROOT
from server.module_tools.codes import CODES

PAGE = ROOT / "docs" / "modules.md"

_HEAD = """# Modules

A step names a module and its version; what it can be given stands under *inputs*. **This page is written from the modules' own declarations**
by `python -m server.module_tools.manual`; the API gives the same under `GET /api/v1/modules`.

*Effect*: `none` changes nothing outside of the run, `read` asks somebody, `write` changes something. A write is tried once unless
it is idempotent by itself; all else up to three times. In tests and simulations, reads and writes are not made. *Isolated*: runs
in a process of its own with a limit of time and memory. Inputs hold expressions, which are resolved before the module runs, but
for those marked *later* (the module evaluates them itself, when it needs them) and *raw* (never parsed for expressions).

"""

_CODES = """## Error codes of modules

Besides these, what the engine itself fails with may stand in a step's error. Which codes are tried again: `http.408 http.425 http.429 http.5*
http.connect *.timeout` and what a module says, unless the step's `retry` names others.

| code | when |
|---|---|
"""


def page() -> str:
    """The whole text."""
    modules = load_registry().all()
    names = "\n".join(f"- [`{each.name}`](#{_anchor(each)}): {each.title}" for each in modules)
    codes = "".join(f"| `{code}` | {meaning} |\n" for code, meaning in CODES.items())
    sections = "".join("\n" + "\n".join(_section(each)) + "\n" for each in modules)
    return f"{_HEAD}{names}\n{sections}\n{_CODES}{codes}"


def effect_text(module: Module) -> str:
    """In a word or two."""
    if isinstance(module.effect, EffectByInput):
        return f"by {module.effect.field}"
    return f"{module.effect}, idempotent" if module.idempotent and module.effect == "write" else str(module.effect)


def _anchor(module: Module) -> str:
    return f"{module.name.replace('.', '')}-version-{module.version}"


def _section(module: Module) -> Iterator[str]:
    yield f"## {module.name} version {module.version}"
    yield ""
    yield module.manual
    yield ""
    yield "; ".join(_facts(module)) + "."
    yield ""
    properties = module.input_schema.get("properties")
    required = module.input_schema.get("required")
    if isinstance(properties, dict) and properties:
        yield "| input | type | |"
        yield "|---|---|---|"
        for name, schema in properties.items():
            needed = isinstance(required, list) and name in required
            yield f"| `{name}` | {_cell(_type(schema))} | {_cell(_notes(schema, needed))} |"
        yield ""
    yield "```json"
    yield json.dumps(
        {"module": module.name, "version": module.version, "inputs": module.example.inputs}, ensure_ascii=False
    )
    yield "```"
    if module.kind == "trigger":
        yield ""
        yield "`trigger` is then:"
    else:
        handle = "" if module.example.handle == "out" else f" by the handle `{module.example.handle}`"
        yield ""
        yield f"gives{handle}:" if module.handles else "ends what is around it; its own output is:"
    yield ""
    yield "```json"
    yield json.dumps(module.example.output, ensure_ascii=False)
    yield "```"


def _facts(module: Module) -> Iterator[str]:
    if isinstance(module.effect, EffectByInput):
        cases = [
            f"{f'`{case}`' if case else 'without it'} {_effect(each.effect, each.idempotent)}"
            for case, each in module.effect.cases.items()
        ]
        cases.append(
            f"{'others' if any(module.effect.cases) else 'with it'} {_effect(module.effect.default.effect, module.effect.default.idempotent)}"
        )
        yield f"Effect by `{module.effect.field}`: {', '.join(cases)}"
    elif module.kind == "trigger":
        yield "Starts runs"
    else:
        yield f"Effect {effect_text(module)}"
    if module.isolated:
        yield "isolated"
    if module.kind == "action" and module.pure is None:
        yield f"time limit {module.timeout:g} s unless the step sets one"
    if isinstance(module.handles, HandlesFromInput):
        always = ", ".join(f"`{name}`" for name in module.handles.always)
        yield f"handles from `{module.handles.field}`, and {always}"
    elif module.handles != ("out",):
        yield f"handles {', '.join(f'`{name}`' for name in module.handles)}" if module.handles else "no handles"
    if module.slots:
        yield f"slots {', '.join(f'`{name}`' for name in module.slots)}"


def _effect(effect: str, idempotent: bool) -> str:
    return f"{effect} (idempotent)" if idempotent and effect == "write" else effect


def _type(schema: Json) -> str:
    if not isinstance(schema, dict):
        return "anything"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    choices = schema.get("enum")
    if isinstance(choices, list):
        return " \\| ".join(f"`{choice}`" for choice in choices)
    for keyword in ("anyOf", "oneOf"):
        branches = schema.get(keyword)
        if isinstance(branches, list) and "type" not in schema:
            return " or ".join(dict.fromkeys(_type(branch) for branch in branches))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(str(each) for each in kind)
    if kind == "array":
        items = schema.get("items")
        return f"list of {_type(items)}" if isinstance(items, dict) else "list"
    if kind == "object":
        properties = schema.get("properties")
        return "`{" + ", ".join(properties) + "}`" if isinstance(properties, dict) and properties else "object"
    return str(kind) if isinstance(kind, str) else "anything"


def _notes(schema: Json, needed: bool) -> str:
    notes: list[str] = []
    if needed:
        notes.append("required")
    if isinstance(schema, dict):
        notes.extend(_limits(schema))
    return "; ".join(notes)


def _limits(schema: JsonObject) -> Iterator[str]:
    if "x-eval" in schema:
        yield f"*{schema['x-eval']}*"
    if isinstance(schema.get("description"), str):
        yield str(schema["description"])
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None or most is not None:
        yield (
            f"{least} to {most}"
            if most is not None and least is not None
            else f"at least {least}"
            if most is None
            else f"at most {most}"
        )
    if "default" in schema:
        yield f"default `{json.dumps(schema['default'], ensure_ascii=False)}`"


def _cell(text: str) -> str:
    return text.replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
