"""The model server of the tests itself: it says what it is told to, in the ways in which servers do, and forgets nothing by being killed."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.fixtures.model_server import (
    DONE,
    ModelServer,
    calls,
    chunks,
    fails,
    model_server_running,
    raw,
    says,
)


async def asked(server: ModelServer, user: str = "hi", **more: object) -> tuple[int, httpx.Headers, str]:
    body = {"model": server.model, "messages": [{"role": "user", "content": user}], "stream": True, **more}
    headers = {"authorization": f"Bearer {server.key}"}
    text = ""
    async with (
        httpx.AsyncClient(trust_env=False, timeout=30) as client,
        client.stream("POST", f"{server.url}/chat/completions", json=body, headers=headers) as answer,
    ):
        try:
            async for piece in answer.aiter_text():
                text += piece
        except httpx.HTTPError:
            text += "(cut)"
        return answer.status_code, answer.headers, text


def words(stream: str) -> str:
    pieces = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    return "".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces if piece["choices"])


async def test_it_goes_by_its_script(model_server: ModelServer) -> None:
    await model_server.script(
        says("first, in pieces", chunk=3, usage=(11, 7)),
        calls(("workflows", {"action": "list"}), text="I look"),
        fails(429, "slow down", code="rate_limit_exceeded", retry_after="2"),
        says("this will be cut off somewhere", cut_after=3, chunk=4),
        raw(chunks([]), DONE),
        says("always", when={"user": "again"}, times=0),
    )
    assert words((await asked(model_server, stream_options={"include_usage": True}))[2]) == "first, in pieces"
    assert '"name":"workflows"' in (await asked(model_server))[2]
    status, headers, _ = await asked(model_server)
    assert (status, headers["retry-after"]) == (429, "2")
    cut = (await asked(model_server))[2]
    assert cut.endswith("(cut)")
    assert words(cut.removesuffix("(cut)"))
    assert "[DONE]" in (await asked(model_server))[2]
    for _ in range(3):
        assert words((await asked(model_server, "once again"))[2]) == "always"
    assert (await asked(model_server))[0] == 404
    journal = await model_server.journal()
    assert [one.status for one in journal] == [200, 200, 429, 200, 200, 200, 200, 200, 404]
    assert [one.whole for one in journal] == [True, True, True, False, *[True] * 5]
    assert journal[0].usage == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


async def test_it_refuses_as_servers_do(model_server: ModelServer) -> None:
    assert (await asked(model_server, model="other"))[0] == 404
    model_server.key = "wrong"
    assert (await asked(model_server))[0] == 401


async def test_being_killed_costs_it_nothing(model_server: ModelServer) -> None:
    await model_server.script(says("one"), says("two"))
    assert words((await asked(model_server))[2]) == "one"
    await model_server.kill()
    with pytest.raises(httpx.HTTPError):
        await asked(model_server)
    await model_server.start()
    assert words((await asked(model_server))[2]) == "two"
    assert len(await model_server.journal()) == 2


async def test_a_server_may_lack_something(tmp_path: Path) -> None:
    async with model_server_running(tmp_path / "j", lacks=["tools"]) as server:
        await server.script(says("fine"))
        assert (await asked(server, tools=[]))[0] == 400
        assert (await asked(server))[0] == 200
