"""Processes that die while they ask: their calls are found, what was stored is never asked for again."""

from __future__ import annotations

import asyncio
import signal
import sys
from uuid import UUID

import pytest

from db.failing import FailingDatabase
from db.failpoints import read_points
from db.ids import new_uuid7
from db.pool import Database
from tests.fixtures.model_server import ModelServer, says
from tests.workspace.llm.stand import Stand, stand_on, turn

ASKING = """
import asyncio, sys
from uuid import UUID
from db.failing import FailingDatabase
from db.failpoints import named_statements, read_points
from db.pool import Database
from tests.workspace.llm.stand import MASTER, stand_on, turn
class Server: url, key, model = sys.argv[2], sys.argv[3], "test-model"
async def main():
    db = await Database.open(sys.argv[1])
    places = [f"{b}:{n}" for n in named_statements() for b in ("before", "mid", "after")]
    if sys.argv[5]:
        db = FailingDatabase(db, read_points(sys.argv[5], places))
    async with stand_on(db, Server()) as stand:
        print("asking", flush=True)
        said = await stand.say("slow" if sys.argv[6] else "quick", purpose=turn(turn_id=UUID(sys.argv[4])))
        print(said.text, flush=True)
asyncio.run(main())
"""


async def asking(
    database_url: str, server: ModelServer, turn_id: UUID, failpoint: str = "", slow: str = ""
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ASKING, database_url, server.url, server.key, str(turn_id), failpoint, slow),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize(
    ("failpoint", "rows", "asked"),
    [
        ("before:copilot_llm_calls.start:kill", ["ok"], 1),
        ("after:copilot_llm_calls.start:kill", ["interrupted", "ok"], 1),
        ("mid:copilot_llm_calls.put_body:kill", ["interrupted", "ok"], 2),
        ("mid:copilot_llm_calls.finish:kill", ["interrupted", "ok"], 2),
        ("after:copilot_llm_calls.finish:kill", ["ok"], 1),
    ],
)
async def test_killed_at_a_border(
    stand: Stand, database_url: str, model_server: ModelServer, failpoint: str, rows: list[str], asked: int
) -> None:
    await model_server.script(says("an answer", times=0, usage=(9, 4)))
    turn_id = new_uuid7()
    process = await asking(database_url, model_server, turn_id, failpoint)
    assert await process.wait() == -signal.SIGKILL
    said = await stand.say("quick", purpose=turn(attempt=2, turn_id=turn_id))
    assert (said.text, said.usage.input) == ("an answer", 9)
    assert [call.status for call in await stand.calls()] == rows
    assert len(await model_server.journal()) == asked


async def test_killed_amid_an_answer(stand: Stand, database_url: str, model_server: ModelServer, db: Database) -> None:
    await model_server.script(says("word " * 2000, chunk=5, tokens_per_s=20, when={"user": "slow"}, times=0))
    process = await asking(database_url, model_server, new_uuid7(), slow="slow")
    assert process.stdout is not None
    await process.stdout.readline()
    while not await model_server.journal(settled=False):
        await asyncio.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert [call.status for call in await stand.calls()] == ["started"]
    assert await stand.models.sweep() == 0
    async with db.engine() as connection:
        await connection.script("update copilot_llm_monitor_logs set lease_until = now() - interval '1 second'")
    assert await stand.models.sweep() == 1
    [call] = await stand.calls()
    assert call.status == "interrupted"
    assert call.finished_at is not None
    assert await stand.models.sweep() == 0


async def test_who_comes_back_from_the_dead_is_not_wanted(stand: Stand, model_server: ModelServer) -> None:
    await model_server.script(
        says("late " * 20, chunk=5, tokens_per_s=40, when={"user": "slow"}), says("in time", when={"user": "quick"})
    )
    of = turn()
    late = asyncio.create_task(stand.problem("slow", purpose=of))
    while not stand.heard:
        await asyncio.sleep(0.01)
    assert (await stand.say("quick", purpose={**of, "attempt": 2})).text == "in time"
    assert (await late).code == "llm.cancelled"
    assert [call.status for call in await stand.calls()] == ["interrupted", "ok"]
    assert (await stand.say("anything", purpose={**of, "attempt": 3})).text == "in time"


async def test_what_is_past_its_time_goes(stand: Stand, model_server: ModelServer, db: Database) -> None:
    await model_server.script(says("a", times=0))
    await stand.say()
    async with db.engine() as connection:
        await connection.script("update llm_bodies set kept_until = now() - interval '1 second'")
    await stand.models.sweep()
    [call] = await stand.calls()
    assert await stand.bodies(call) == (None, None)
    async with db.engine() as connection:
        await connection.script("update copilot_llm_monitor_logs set started_at = now() - interval '2 years'")
    await stand.models.sweep()
    assert await stand.calls() == []


@pytest.mark.parametrize("border", ["before", "mid", "after"])
@pytest.mark.parametrize("statement", ["put_body", "finish"])
async def test_a_database_that_goes_amid_the_end_costs_no_answer(
    db: Database, model_server: ModelServer, border: str, statement: str
) -> None:
    await model_server.script(says("an answer", times=0))
    place = f"{border}:copilot_llm_calls.{statement}"
    async with stand_on(FailingDatabase(db, read_points(f"{place}:error", [place])), model_server) as stand:
        of = turn()
        said = await stand.say(purpose=of)
        assert said.text == "an answer"
        assert await stand.say(purpose={**of, "attempt": 2}) == said
        assert [call.status for call in await stand.calls()] == ["ok"]
    assert len(await model_server.journal()) == 1
