"""Many runs on the command line, in a pipe: a look first, and nothing without a yes."""

from __future__ import annotations

from tests.fixtures.stack import Stack


async def test_many_are_looked_at_then_replayed_and_nothing_by_accident(stack: Stack) -> None:
    name = await stack.deploy("steps: {a: {module: kv.increment, version: 1, inputs: {key: bulk}}}")
    runs = [await stack.start(name) for _ in range(3)]
    for run_id in runs:
        await stack.end(run_id)
    look = await stack.cli("runs", "replay", "--workflow", name, "--dry-run")
    assert look.code == 0, look.err
    assert "3 runs would be replayed." in look.out
    assert f"{name}\ta\tkv.increment\t3\tnew" in look.out
    for arguments in (
        ("replay", "--workflow", name),
        ("replay",),
        ("cancel",),
        ("replay", runs[0], "--workflow", name),
    ):
        assert (await stack.cli("runs", *arguments)).code == 1
    done = (await stack.cli("runs", "replay", "--workflow", name, "--operation", "cli-op", "--yes", "--json")).json
    assert (done["count"], done["operation"], done["failed"]) == (3, "cli-op", [])
    for run_id in done["run_ids"]:
        assert (await stack.end(run_id))["replay_of"] in runs
    again = (await stack.cli("runs", "replay", "--workflow", name, "--operation", "cli-op", "--yes", "--json")).json
    assert again["run_ids"] == done["run_ids"]
    cancelled = await stack.cli("runs", "cancel", "--workflow", name, "--dry-run", "--json")
    assert cancelled.json["count"] == 0


async def test_a_run_is_pinned_found_and_unpinned(stack: Stack) -> None:
    name = await stack.deploy("steps: {a: {module: core.set, version: 1, inputs: {values: {}}}}")
    run_id = await stack.start(name)
    await stack.end(run_id)
    pinned = await stack.cli("runs", "pin", run_id, "--reason", "for the auditor", "--json")
    assert pinned.json["pinned"]["reason"] == "for the auditor"
    listed = await stack.cli("runs", "list", "--workflow", name, "--pinned", "--json")
    assert [run["run_id"] for run in listed.json] == [run_id]
    assert "for the auditor" in (await stack.cli("runs", "show", run_id)).out
    assert (await stack.cli("runs", "unpin", run_id)).code == 0
    assert (await stack.cli("runs", "list", "--workflow", name, "--pinned", "--json")).json == []
