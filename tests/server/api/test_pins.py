"""Pinned runs: who may pin, what is shown, and what a purge says to it."""

from __future__ import annotations

from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step

QUICK = flow(a=step("core.set", values={}))


async def test_a_pin_says_who_when_and_why_until_it_is_taken_off(api: Api) -> None:
    name = await api.create(QUICK)
    run_id = str((await api.run(name))["run_id"])
    assert (await api.viewer.get(f"/runs/{run_id}")).json()["pinned"] is None
    problem(await api.viewer.post(f"/runs/{run_id}/pin"), 403, "auth.forbidden")
    pinned = (await api.editor.post(f"/runs/{run_id}/pin", json={"reason": "for the auditor"})).json()["pinned"]
    assert (pinned["reason"], bool(pinned["by"]), pinned["at"].endswith("Z")) == ("for the auditor", True, True)
    again = (await api.owner.post(f"/runs/{run_id}/pin")).json()["pinned"]
    assert (again["reason"], again["at"]) == (None, pinned["at"])
    other = str((await api.run(name))["run_id"])

    async def listed(**params: str) -> list[str]:
        answer = await api.viewer.get("/runs", params={"workflow": name, **params})
        return [one["run_id"] for one in answer.json()["items"]]

    assert await listed(pinned="true") == [run_id]
    assert await listed(pinned="false") == [other]
    assert await listed(pinned="true", status="failed") == []
    assert (await api.editor.post(f"/runs/{run_id}/unpin")).json()["pinned"] is None
    assert (await api.editor.post(f"/runs/{run_id}/unpin")).json()["pinned"] is None
    assert await listed(pinned="true") == []


async def test_what_cannot_be_pinned(api: Api) -> None:
    run_id = str((await api.run(await api.create(QUICK)))["run_id"])
    for body in ({"reason": 1}, {"reason": "x" * 2001}, {"raeson": "x"}, []):
        problem(await api.editor.post(f"/runs/{run_id}/pin", json=body), 422, "request.invalid")
    problem(await api.foreign.post(f"/runs/{run_id}/pin"), 404, "run.unknown")
    problem(await api.foreign.post(f"/runs/{run_id}/unpin"), 404, "run.unknown")
    problem(await api.editor.post("/runs/nobody/pin"), 404, "run.unknown")


async def test_a_workflow_with_pinned_runs_is_purged_only_by_force(api: Api) -> None:
    name = await api.create(QUICK)
    run_id = str((await api.run(name))["run_id"])
    await api.editor.post(f"/runs/{run_id}/pin")
    refused = problem(await api.owner.delete(f"/workflows/{name}", params={"purge": "true"}), 409, "workflow.pinned")
    assert refused["pinned"] == 1
    assert (await api.viewer.get(f"/workflows/{name}")).status_code == 200, "nothing was deleted"
    assert (await api.owner.delete(f"/workflows/{name}", params={"purge": "true", "force": "true"})).status_code == 204
    problem(await api.viewer.get(f"/runs/{run_id}"), 404, "run.unknown")
