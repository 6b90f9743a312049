"""`code.python`: a function in Python, behind the wall."""

from __future__ import annotations

from modules.code.running import step
from modules.sdk.context import Context
from modules.sdk.declaration import Example, Module, Result
from modules.sdk.json import JsonObject


async def run(inputs: JsonObject, context: Context) -> Result:
    return await step.run("python", inputs, context)


MODULE = Module(
    name="code.python",
    version=1,
    title="Python",
    manual=(
        "Runs `source`, which defines `main(input)`, and gives what `main` returns: data as JSON has it. What it prints is in the "
        "step's log. It sees nothing but its input: no files, no network, no secrets. Libraries: `json math re datetime statistics "
        "random uuid base64 hashlib hmac itertools collections decimal csv io functools string textwrap time copy html heapq bisect "
        "urllib.parse typing`; no others can be imported, and there is no `async`, no `match`, no attribute that begins with two "
        "underscores. An exception fails the step with `code.error`, whose "
        "`details` have `line`, `type` and `text`; a limit with `code.timeout` or `code.memory`."
    ),
    kind="action",
    input_schema=step.inputs_of("`main(input)`"),
    output_schema={"description": "what `main` returns"},
    example=Example(
        inputs={
            "source": "def main(input):\n"
            "    total = sum(line['price'] * line['n'] for line in input['lines'])\n"
            "    return {'total': total}\n",
            "input": {"lines": [{"price": 3, "n": 2}, {"price": 5, "n": 1}]},
        },
        output={"total": 11},
    ),
    isolated=True,
    timeout=step.STEP_TIMEOUT,
    run=run,
)
