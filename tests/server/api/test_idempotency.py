"""Writes that name an Idempotency-Key."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from db.connection import Connection
from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step

SET = flow("{{ input }}", a=step("core.set", values={}))


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


async def test_the_same_write_again_gets_the_first_answer_and_changes_nothing(api: Api) -> None:
    name, headers = f"flow-{uuid4().hex[:10]}", key()
    first = await api.editor.post("/workflows", json={"name": name}, headers=headers)
    again = await api.editor.post("/workflows", json={"name": name}, headers=headers)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    problem(await api.editor.post("/workflows", json={"name": "x"}, headers=headers), 422, "idempotency.mismatch")
    problem(await api.editor.post("/variables", json={"name": name}, headers=headers), 422, "idempotency.mismatch")
    deleting = key()
    answers = [await api.owner.delete(f"/workflows/{name}", headers=deleting) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    other = await api.foreign.post("/workflows", json={"name": name}, headers=headers)
    assert (other.status_code, "idempotency-replayed" in other.headers) == (201, False), "keys are a workspace's own"


async def test_what_was_refused_may_be_sent_again(api: Api) -> None:
    name, headers = f"V_{uuid4().hex[:10]}", key()
    problem(await api.editor.put(f"/variables/{name}", json={"value": 1}, headers=headers), 404, "variable.unknown")
    await api.editor.post("/variables", json={"name": name, "value": 0})
    assert (await api.editor.put(f"/variables/{name}", json={"value": 1}, headers=headers)).status_code == 200


async def test_of_many_at_once_one_starts_a_run(api: Api) -> None:
    name, headers = await api.create(SET), key()
    body = {"input": 1, "wait": 20}
    answers = await asyncio.gather(
        *(api.editor.post(f"/workflows/{name}/runs", json=body, headers=headers) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "idempotency.at_work")
    later = await api.editor.post(f"/workflows/{name}/runs", json=body, headers=headers)
    ids = {answer.json()["run_id"] for answer in (*answers, later) if answer.status_code == 200}
    assert len(ids) == 1
    assert len((await api.owner.get("/runs", params={"workflow": name})).json()["items"]) == 1
    mismatch = await api.editor.post(f"/workflows/{name}/runs", json={"input": 2}, headers=headers)
    problem(mismatch, 422, "idempotency.mismatch")


async def test_odd_keys_and_odd_answers(api: Api) -> None:
    name = await api.create(SET)
    path = f"/workflows/{name}/runs"
    for odd in ("", "x" * 201):
        problem(await api.editor.post(path, json={}, headers={"Idempotency-Key": odd}), 422, "idempotency.key")
    for odd in ("é".encode("latin-1"), b"a b\tc", b"'; drop table"):
        assert (await api.editor.post(path, json={}, headers={"Idempotency-Key": odd})).status_code in (200, 202)
    headers = key() | {"Content-Type": "application/json"}
    body = b'{"input": "\\u0000\\ud800", "wait": 20}'
    answers = [await api.editor.post(path, content=body, headers=headers) for _ in range(2)]
    assert [answer.json()["output"] for answer in answers] == ["\x00\ud800"] * 2
    nul = await api.editor.post("/workflows/%00/runs", json={}, headers=key())
    problem(nul, 404, "workflow.unknown")


async def test_a_replay_whose_answer_was_lost_is_not_made_twice(api: Api) -> None:
    """The process died after the commit and before it could keep its answer: the key stands without one, and is taken over."""
    name, headers = await api.create(SET), key()
    old = await api.run(name, 1)
    path = f"/runs/{old['run_id']}/replay"
    first = await api.editor.post(path, json={}, headers=headers)
    async with api.db.engine(api.workspace_id) as connection:
        await forget_answer(connection, headers["Idempotency-Key"])
    again = await api.editor.post(path, json={}, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["run_id"] == first.json()["run_id"]
    other = await api.editor.post(path, json={}, headers=key())
    assert other.json()["run_id"] != first.json()["run_id"]


async def forget_answer(connection: Connection, used: str) -> None:
    await connection.script(f"delete from idempotency_keys where key = '{used}'")
