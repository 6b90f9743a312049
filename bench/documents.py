"""The documents that are measured: chains of set → if → set …, each step one more than the one before."""

from __future__ import annotations

from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def chain(steps: int, *, hook: bool = False) -> dict[str, Json]:
    """A workflow of `steps` pure steps in a row; every second one is a branch. Its output is what the last `set` gave.

    `hook`: started by a webhook, which answers with that.
    """
    body: dict[str, Json] = {}
    edges: list[Json] = []
    amount = "input.amount"
    before: str | None = None
    for number in range(1, steps + 1):
        name = f"s{number:02d}"
        if number % 2 == 0 and number < steps:
            body[name] = {"module": "core.if", "version": 1, "inputs": {"condition": f"{{{{ {amount} >= 0 }}}}"}}
        else:
            value = f"{{{{ {amount} + 1 }}}}"
            body[name] = {"module": "core.set", "version": 1, "inputs": {"values": {"amount": value}}}
            amount = f"steps.{name}.output.amount"
        if before is not None:
            is_branch = isinstance(edge := body[before], dict) and edge["module"] == "core.if"
            edges.append({"from": before, "to": name, **({"handle": "true"} if is_branch else {})})
        before = name
    output: Json = f"{{{{ {amount} }}}}"
    document: dict[str, Json] = {
        "schema_version": 1,
        "name": f"bench-{steps}",
        "steps": body,
        "edges": edges,
        "output": output,
    }
    if hook:
        trigger: Json = {"module": "webhook.trigger", "version": 1, "inputs": {"mode": "sync"}}
        document |= {"name": f"bench-hook-{steps}", "triggers": {"hook": trigger}}
    return document


def expected(steps: int, amount: int) -> int:
    """What `chain(steps)` gives for `amount`."""
    sets = sum(1 for number in range(1, steps + 1) if number % 2 == 1 or number == steps)
    return amount + sets
