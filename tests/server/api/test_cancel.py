"""Cancelling, in whatever state a run is."""

from __future__ import annotations

from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step

WAIT = flow(w=step("core.wait", duration="1h"))
EVENT = flow(w=step("core.wait_for_event", timeout="1h"))


async def cancelled(api: Api, run_id: str) -> None:
    answer = await api.editor.post(f"/runs/{run_id}/cancel")
    assert answer.status_code == 202
    assert answer.json()["run_id"] == run_id
    run = await api.end(run_id)
    assert (run["status"], run["output"], run["waiting_for"]) == ("cancelled", None, [])


async def test_waiting_runs_end_cancelled_and_ended_ones_stay_as_they_are(api: Api) -> None:
    for document in (WAIT, EVENT):
        run_id = await api.start(await api.create(document))
        await api.until(run_id, "waiting")
        await cancelled(api, run_id)
        again = await api.editor.post(f"/runs/{run_id}/cancel")
        assert (again.status_code, again.json()["status"]) == (200, "cancelled")
        assert [row["status"] for row in await api.steps(run_id)] == ["cancelled"]
    done = await api.run(await api.create(flow(a=step("core.set", values={}))))
    answer = await api.editor.post(f"/runs/{done['run_id']}/cancel")
    assert (answer.status_code, answer.json()) == (200, done)


async def test_a_run_that_has_just_been_accepted_or_stands_in_a_queue_is_cancelled(api: Api) -> None:
    await cancelled(api, await api.start(await api.create(WAIT)))
    name = await api.create(WAIT | {"settings": {"max_concurrent_runs": 1, "concurrency_key": "{{ input.k }}"}})
    first = await api.start(name, {"k": 1})
    await api.until(first, "waiting")
    keyed, capped = await api.start(name, {"k": 1}), await api.start(name, {"k": 2})
    kinds = [(await api.owner.get(f"/runs/{run_id}")).json() for run_id in (keyed, capped)]
    assert [(run["status"], run["waiting_for"][0]["kind"]) for run in kinds] == [("queued", "key"), ("queued", "cap")]
    assert [set(run["waiting_for"][0]) for run in kinds] == [{"path", "kind", "reason", "until", "resume_url"}] * 2
    await cancelled(api, capped)
    await cancelled(api, keyed)
    await cancelled(api, first)


async def test_finally_runs_and_catch_does_not(api: Api) -> None:
    document = flow(
        t=step("core.try"),
        w=step("core.wait", parent="t:body", duration="1h"),
        c=step("core.set", parent="t:catch", values={}),
        f=step("core.set", parent="t:finally", values={"cleaned": True}),
    )
    run_id = await api.start(await api.create(document))
    await api.until(run_id, "waiting")
    await cancelled(api, run_id)
    rows = {row["path"]: row["status"] for row in await api.steps(run_id)}
    assert (rows["t.f"], rows["t.w"]) == ("succeeded", "cancelled")
    assert rows.get("t.c") in (None, "skipped", "cancelled")


async def test_a_child_is_cancelled_with_its_parent(api: Api) -> None:
    child = await api.create(WAIT)
    parent = await api.create(flow(s=step("core.subworkflow", workflow=child, input={})))
    run_id = await api.start(parent)
    found: list[dict[str, object]] = []
    async for event in api.events("/runs/events", f"0-{run_id}"):
        if event.data["parent_run_id"] == run_id and event.data["status"] == "waiting":
            found.append(event.data)
            break
    await cancelled(api, run_id)
    assert (await api.end(str(found[0]["run_id"])))["status"] == "cancelled"


async def test_many_are_cancelled_by_a_filter(api: Api) -> None:
    name = await api.create(WAIT)
    ids = [await api.start(name) for _ in range(3)]
    answer = await api.editor.post("/runs/cancel", json={"filter": {"workflow": name}})
    assert answer.status_code == 202
    told = answer.json()
    assert (set(told), told["count"], sorted(told["run_ids"])) == (
        {"count", "effects", "run_ids", "more", "next_cursor"},
        3,
        sorted(ids),
    )
    for run_id in ids:
        assert (await api.end(run_id))["status"] == "cancelled"
    again = (await api.editor.post("/runs/cancel", json={"filter": {"workflow": name}})).json()
    assert (again["count"], again["run_ids"]) == (0, [])
    for body in ({}, {"filter": {}}, {"filter": {"status": "", "q": " "}}, {"all": False}):
        problem(await api.editor.post("/runs/cancel", json=body), 422, "filter.missing")
    for odd in ({"filter": []}, [], {"all": 1}, {"all": True, "limit": 1001}, {"all": True, "fitler": {}}):
        problem(await api.editor.post("/runs/cancel", json=odd), 422, "request.invalid")
    problem(await api.editor.post("/runs/cancel", json={"all": True, "cursor": "x"}), 422, "cursor.invalid")
    problem(await api.editor.post("/runs/cancel", json={"filter": {"wrkflow": "x"}}), 422, "filter.invalid")
