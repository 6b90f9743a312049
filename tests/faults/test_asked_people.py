"""A person is asked once, whatever dies: the same mail at most, and the link of the first one holds."""

from __future__ import annotations

import re

import pytest

from tests.faults.stand import Stand
from tests.fixtures.flows import flow, step
from tests.fixtures.mail_server import mail_serving


@pytest.mark.slow
async def test_a_link_holds_over_kills_before_and_during_the_wait(stand: Stand) -> None:
    async with mail_serving() as server:
        connection = {"name": "mail", "app": "mail", "kind": "smtp", "config": server.config, "secret": {}}
        made = await stand.http.post("/connections", json=connection)
        assert made.status_code == 201, made.text
        ask = step("human.approve", to="ada@example.com", subject="May it go?", timeout="1h")
        document = flow("{{ steps.ask.output.by }}", name="asking", ask={**ask, "connection": "mail"})
        document["requires"] = {"connections": {"mail": {"app": "mail"}}}
        run_id = ""
        server.answers = ["hold"]
        run_id = await stand.start(await stand.deploy(document))
        await server.until(1)  # it is the server's, and nobody knows
        await stand.logged(run_id, "ask", "running")
        await stand.kill("api", "worker")
        await server.until(2)
        await stand.when(run_id, lambda run: run["status"] == "waiting")
        first, second = server.received
        assert first.message["message-id"] == second.message["message-id"]
        await stand.kill("api", "worker")
        await stand.when(run_id, lambda run: run["status"] == "waiting")
        found = re.search(r"http\S+/resume/\S+", first.message.get_content())
        assert found is not None
        answer = await stand.http.post(found[0], json={"decision": "approved"})
        assert answer.status_code == 200, answer.text
        ended = await stand.ended(run_id)
        assert (ended["status"], ended["output"]) == ("succeeded", "ada@example.com")
        assert len(server.received) == 2
        assert await stand.attempts(run_id) == [("ask", 1, "succeeded")]
