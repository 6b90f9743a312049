"""Schedules by their routes: live with a deployment, shown, paused, made up for; and what overlaps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.expressions.values import Json
from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step

FAR: dict[str, Json] = {"cron": "0 0 1 1 *"}


def scheduled(steps: dict[str, Json] | None = None, **inputs: Json) -> dict[str, Any]:
    document = flow("{{ trigger.scheduled_at }}", a=steps or step("core.set", values={}))
    return {**document, "triggers": {"at": {"module": "schedule.trigger", "version": 1, "inputs": inputs}}}


async def shown(api: Api, workflow: str) -> list[dict[str, Any]]:
    answer = await api.viewer.get("/schedules", params={"workflow": workflow})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def standing_still(api: Api, workflow: str) -> dict[str, Any]:
    """The workflow's schedule, paused: nothing comes by the clock."""
    [one] = await shown(api, workflow)
    return (await api.editor.post(f"/schedules/{one['schedule_id']}/pause", json={})).json()


async def runs(api: Api, workflow: str, least: int = 1) -> list[dict[str, Any]]:
    """Oldest first, once there are so many."""
    while True:
        found = (await api.viewer.get("/runs", params={"workflow": workflow})).json()["items"]
        if len(found) >= least:
            return found[::-1]
        await asyncio.sleep(0.05)


async def events(api: Api, workflow: str, **params: str) -> list[dict[str, Any]]:
    """Oldest first."""
    return (await api.viewer.get("/inbox", params={"workflow": workflow, **params})).json()["items"][::-1]


async def test_a_deployed_schedule_starts_runs_that_see_their_time(api: Api) -> None:
    name = await api.create(scheduled(every="1s", overlap="allow_all"))
    found = [await api.end(run["run_id"]) for run in await runs(api, name, 2)]
    await api.editor.patch(f"/workflows/{name}", json={"status": "paused"})
    times = [run["output"] for run in found]
    assert [run["trigger"]["type"] for run in found] == ["schedule", "schedule"]
    assert times == sorted(set(times))
    assert [run["trigger"]["body"]["scheduled_at"] for run in found] == times


async def test_the_next_ten_times_are_shown_and_move_with_deployments(api: Api) -> None:
    name = await api.create(scheduled(cron="30 6 * * 1-5", timezone="Europe/Berlin"))
    [one] = await shown(api, name)
    assert (len(one["next"]), one["paused"], one["overlap"]) == (10, False, "skip")
    draft = (await api.editor.get(f"/workflows/{name}/draft")).json()
    document = {**draft["document"], "triggers": scheduled(every="1d", overlap="skip")["triggers"]}
    await api.editor.put(f"/workflows/{name}/draft", json={"document": document, "base_revision": draft["revision"]})
    assert (await shown(api, name))[0]["cron"] == "30 6 * * 1-5"
    await api.editor.post(f"/workflows/{name}/deploy", json={"note": "daily"})
    [moved] = await shown(api, name)
    assert (moved["schedule_id"], moved["cron"], moved["every"]) == (one["schedule_id"], None, 86400)
    await api.editor.post(f"/workflows/{name}/versions/1/rollback", json={})
    assert (await shown(api, name))[0]["next"] == one["next"]
    await api.owner.delete(f"/workflows/{name}")
    problem(await api.viewer.get(f"/schedules/{one['schedule_id']}"), 404, "schedule.unknown")


async def test_a_paused_schedule_says_why_and_goes_on(api: Api) -> None:
    name = await api.create(scheduled(**FAR))
    [one] = await shown(api, name)
    at = f"/schedules/{one['schedule_id']}"
    problem(await api.viewer.post(f"{at}/pause", json={}), 403, "auth.forbidden")
    paused = (await api.editor.post(f"{at}/pause", json={"reason": "holidays"})).json()
    assert (paused["paused"], paused["reason"], paused["next"]) == (True, "holidays", [])
    await api.editor.post(f"/workflows/{name}/deploy", json={"note": "again"})
    assert (await api.viewer.get(at)).json()["paused"]
    resumed = (await api.editor.post(f"{at}/resume")).json()
    assert (resumed["paused"], resumed["reason"], resumed["next"]) == (False, None, one["next"])
    await api.editor.patch(f"/workflows/{name}", json={"status": "paused"})
    still = (await api.viewer.get(at)).json()
    assert (still["paused"], still["reason"]) == (True, "The workflow is paused.")


async def test_a_span_is_made_up_for_once(api: Api) -> None:
    name = await api.create(scheduled(every="1h", overlap="buffer_all"))
    one = await standing_still(api, name)
    at = f"/schedules/{one['schedule_id']}/backfill"
    end = datetime.now(UTC).replace(minute=30, second=0, microsecond=0) - timedelta(days=1)
    span: dict[str, Json] = {"from": (end - timedelta(hours=4)).isoformat(), "to": end.isoformat()}
    for _ in range(2):
        answer = await api.editor.post(at, json=span)
        assert (answer.status_code, len(answer.json()["times"])) == (202, 4)
    found = [await api.end(run["run_id"]) for run in await runs(api, name, 4)]
    assert [run["output"] for run in found] == answer.json()["times"]
    assert [event["verdict"] for event in await events(api, name)] == ["accepted"] * 4 + ["duplicate"] * 4
    problem(await api.editor.post(at, json={**span, "from": span["to"], "to": span["from"]}), 422, "request.invalid")
    problem(await api.editor.post(at, json={**span, "from": "2020-01-01T00:00:00Z"}), 409, "backfill.too_many")


@pytest.mark.parametrize(
    ("overlap", "verdicts", "cancelled"),
    [
        ("skip", ["accepted", "refused", "refused"], 0),
        ("buffer_one", ["accepted", "accepted", "refused"], 0),
        ("buffer_all", ["accepted", "accepted", "accepted"], 0),
        ("cancel_other", ["accepted", "accepted", "accepted"], 2),
        ("allow_all", ["accepted", "accepted", "accepted"], 0),
    ],
)
async def test_what_happens_while_an_earlier_run_is_open(
    api: Api, overlap: str, verdicts: list[str], cancelled: int
) -> None:
    waits = step("core.wait_for_event", timeout="1m")
    name = await api.create(scheduled(waits, every="1h", overlap=overlap))
    one = await standing_still(api, name)
    end = datetime.now(UTC).replace(minute=30, second=0, microsecond=0) - timedelta(days=1)
    span: dict[str, Json] = {"from": (end - timedelta(hours=3)).isoformat(), "to": end.isoformat()}
    await api.editor.post(f"/schedules/{one['schedule_id']}/backfill", json=span)
    ended: set[str] = set()
    while True:
        found = await events(api, name)
        open_ = [run for run in await runs(api, name) if run["finished_at"] is None]
        if overlap in {"skip", "buffer_one", "buffer_all"}:
            assert len(open_) <= 1
        if [event["verdict"] for event in found] == verdicts and not open_:
            break
        waiting = [event for event in found if event["verdict"] == "waiting"]
        if overlap != "cancel_other" or not waiting:
            for run in open_:
                for row in await api.steps(run["run_id"]):
                    if row["status"] == "waiting" and run["run_id"] not in ended:
                        ended.add(run["run_id"])
                        assert (await api.outside.post(str(row["resume_url"]), json={})).status_code == 200
        await asyncio.sleep(0.05)
    statuses = [run["status"] for run in await runs(api, name)]
    assert statuses.count("cancelled") == cancelled
    assert statuses.count("succeeded") == len(statuses) - cancelled


async def test_what_is_no_schedule_can_t_be_deployed(api: Api) -> None:
    name = await api.create(scheduled(cron="61 * * * *"), deploy=False)
    refused = problem(await api.editor.post(f"/workflows/{name}/deploy", json={"note": "x"}), 422, "document.invalid")
    findings: Any = refused["findings"]
    assert [(one["code"], one["path"]) for one in findings] == [("schedule.invalid", "/triggers/at/inputs/cron")]
