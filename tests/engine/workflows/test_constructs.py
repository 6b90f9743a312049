"""Each construct of a document, run end to end by Temporal, with what its log then says."""

from __future__ import annotations

from tests.fixtures.carrier import Carrier


def step(module: str, **inputs: object) -> dict[str, object]:
    return {"module": module, "version": 1, "inputs": inputs}


async def test_pure_steps_end_in_one_commit(carrier: Carrier) -> None:
    document = {
        "steps": {
            "a": step("core.set", values={"x": "{{ input.n }}"}),
            "b": step("core.set", values={"y": "{{ steps.a.output.x + 1 }}"}),
        },
        "edges": [{"from": "a", "to": "b"}],
        "output": "{{ steps.b.output.y }}",
    }
    run = await carrier.run(document, {"n": 41})
    assert (run.status, run.output) == ("succeeded", 42)
    assert [(row.path, row.attempt, row.status) for row in await carrier.steps(str(run.run_id))] == [
        ("a", 1, "succeeded"),
        ("b", 1, "succeeded"),
    ]
