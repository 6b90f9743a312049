"""`code.javascript`: a function in JavaScript, behind the wall."""

from __future__ import annotations

from modules.code.running import step
from modules.sdk.context import Context
from modules.sdk.declaration import Example, Module, Result
from modules.sdk.json import JsonObject


async def run(inputs: JsonObject, context: Context) -> Result:
    return await step.run("javascript", inputs, context)


MODULE = Module(
    name="code.javascript",
    version=1,
    title="JavaScript",
    manual=(
        "Runs `source`, which defines `function main(input)`, and gives what `main` returns: data as JSON has it; `undefined` is null. "
        "`console.log` and its like write to the step's log. The language is that of ECMAScript 2023, without modules, timers, `fetch` "
        "or anything else of browsers "
        "and Node; `main` may be `async`. It sees nothing but its input. An exception fails the step with `code.error`, whose `details` "
        "have `line`, "
        "`type` and `text`; a limit with `code.timeout` or `code.memory`."
    ),
    kind="action",
    input_schema=step.inputs_of("`function main(input)`"),
    output_schema={"description": "what `main` returns"},
    example=Example(
        inputs={
            "source": "function main(input) {\n"
            "  const total = input.lines.reduce((sum, line) => sum + line.price * line.n, 0);\n"
            "  return { total };\n}\n",
            "input": {"lines": [{"price": 3, "n": 2}, {"price": 5, "n": 1}]},
        },
        output={"total": 11},
    ),
    isolated=True,
    timeout=step.STEP_TIMEOUT,
    run=run,
)
