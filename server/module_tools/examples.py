"""Whether a module gives what its example says, by running it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from engine.core.compiled import compile_run
from engine.core.effects import ModuleCall
from engine.core.plan import build_plan
from engine.core.simulation import simulate
from engine.core.start import RunStart, WorkflowInfo
from engine.expressions.values import to_json
from engine.isolated.pool import IsolatedPool
from engine.sandbox.sandbox import Sandbox
from modules.sdk.context import Code
from modules.sdk.declaration import Module, Result
from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.verdicts import ModuleError
from server.module_tools.host import example_context

_SHOWN = 300


async def check_examples(modules: Sequence[Module]) -> AsyncIterator[tuple[Module, str]]:
    """What is wrong, by module. Constructs run as the only step of a document; triggers have nothing to run."""
    async with IsolatedPool(processes=1) as pool, Sandbox() as code:
        for module in modules:
            if module.kind == "trigger" or not module.example.runnable:
                continue
            try:
                result = await (run_construct(module) if module.kind == "control" else run_example(module, pool, code))
            except ModuleError as error:
                yield module, f"the example fails with {error.code}: {error.message}"
                continue
            if not same(result.output, module.example.output):
                given = dumps(result.output).decode()[:_SHOWN]
                yield (
                    module,
                    f"the example should give {dumps(module.example.output).decode()[:_SHOWN]}, gave {given}",
                )
            if result.handles != (module.example.handle,):
                yield module, f"the example should give the handle {module.example.handle!r}, gave {result.handles!r}"


async def run_example(module: Module, pool: IsolatedPool, code: Code) -> Result:
    """Raises ModuleError."""
    if module.pure is not None:
        return module.pure(module.example.inputs)
    if module.run is None:
        raise ModuleError("module.failed", "it has neither `run` nor `pure`")
    return await module.run(module.example.inputs, example_context(pool, module.timeout, code))


async def run_construct(module: Module) -> Result:
    """Runs a construct of the interpreter in a simulation. Raises ModuleError."""
    step: Json = {"module": module.name, "version": module.version, "inputs": module.example.inputs}
    plan = build_plan(
        compile_run({"schema_version": 1, "name": "example", "steps": {"example": step}}, {module.key: module})
    )
    start = RunStart("example", WorkflowInfo("example", "example", 1), 0.0, {"type": "api", "id": None, "body": None})
    ended = await simulate(plan, start, {}, _no_isolated)
    if ended.end.error is not None:
        raise ModuleError(ended.end.error.code, ended.end.error.message)
    row = next(record for record in ended.records if record.path == "example")
    return Result(to_json(row.output), tuple((row.handle or "").split(",")))


async def _no_isolated(call: ModuleCall, inputs: JsonObject) -> Result:
    raise ModuleError("module.unknown", "an example of a construct has no other steps")


def same(one: Json, other: Json) -> bool:
    """Equal as JSON: true is not 1, the order of keys doesn't matter."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
