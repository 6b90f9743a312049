"""What both languages have in common: their inputs, and how a call becomes a step's output, log and error."""

from __future__ import annotations

from modules.sdk.context import Context, Language
from modules.sdk.declaration import Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import duration, object_of, seconds

LARGEST_SOURCE = 64 * 2**10
LONGEST = 300.0
"""Seconds that `timeout` may say."""
STEP_TIMEOUT = 310.0
"""Of the step itself: the code's own limit comes first, with room for waiting for a place."""
TIMEOUT = 10.0
MEMORY = 128
MOST_MEMORY = 1024


def inputs_of(defines: str) -> JsonObject:
    return object_of(
        {
            "source": {
                "type": "string",
                "minLength": 1,
                "maxLength": LARGEST_SOURCE,
                "x-eval": "raw",
                "description": f"the code; it defines {defines}",
            },
            "input": {"description": "what `main` gets; null where it isn't given"},
            "timeout": duration("how long it may take, at most 5m", default="10s"),
            "memory_mb": {"type": "integer", "minimum": 16, "maximum": MOST_MEMORY, "default": MEMORY},
        },
        ["source"],
    )


async def run(language: Language, inputs: JsonObject, context: Context) -> Result:
    """What the code gives. Its prints are in the step's log, also where it fails. Raises ModuleError."""
    source, memory = inputs["source"], inputs.get("memory_mb", MEMORY)
    assert isinstance(source, str)
    assert isinstance(memory, int)
    timeout = min(seconds(inputs.get("timeout", TIMEOUT)), LONGEST, context.timeout)
    answer = await context.code.run(language, source, inputs.get("input"), timeout=timeout, memory_mb=memory)
    for line in answer.logs:
        context.log(line.level, line.message)
    if answer.error is not None:
        raise answer.error
    return Result(answer.value)
