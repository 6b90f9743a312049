"""`llm.prompt` against a real server: what is sent, what comes back, what is refused before anything is sent."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest

from db.ids import new_uuid7
from db.pool import Database
from engine.isolated.pool import IsolatedPool
from modules.llm.prompt import MODULE, run
from modules.sdk.files import LARGEST_FILE, File, NewFile
from modules.sdk.json import Json
from modules.sdk.verdicts import ModuleError
from server.module_tools.host import example_context
from tests.fixtures.model_server import ModelServer, fails, raw, says
from tests.workspace.llm.stand import Stand, stand_on
from workspace.llm.steps import AskingStep, llm_over
from workspace.secrets.used import Used

PNG = b"\x89PNG\r\n\x1a\n and a dot"


@dataclass
class Kept:
    """`Files` of a workspace that has these."""

    contents: dict[str, tuple[str, bytes]]

    async def stat(self, file_id: str) -> File:
        mime_type, content = self.contents[file_id]
        return File(file_id, f"{file_id}.x", mime_type, len(content), "", (), None)

    async def open_read(self, file_id: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        yield self.contents[file_id][1]

    async def write(
        self, content: AsyncIterator[bytes], new: NewFile, *, operation: str, most: int = LARGEST_FILE
    ) -> File:
        raise NotImplementedError

    async def delete(self, file_id: str, *, operation: str) -> bool:
        raise NotImplementedError


@dataclass
class Asking:
    stand: Stand
    pool: IsolatedPool
    run_id: str
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])
    lines: list[str] = field(default_factory=list[str])
    used: Used = field(default_factory=Used)

    async def __call__(self, **inputs: Any) -> Any:
        step = AskingStep(int(self.stand.workspace_id), self.run_id, "ask", 1, self.used)

        def log(level: Literal["debug", "info", "warning", "error"], message: str, data: Json = None) -> None:
            self.lines.append(message)

        context = replace(
            example_context(self.pool, 30.0),
            llm=llm_over(self.stand.models, self.stand.endpoint.guard)(step, None),
            files=Kept(self.files),
            log=log,
        )
        return (await run(inputs, context)).output

    async def problem(self, **inputs: Any) -> ModuleError:
        with pytest.raises(ModuleError) as caught:
            await self(**inputs)
        return caught.value


@pytest.fixture
async def ask(db: Database, model_server: ModelServer, isolated_pool: IsolatedPool) -> AsyncIterator[Asking]:
    async with stand_on(db, model_server) as stand:
        yield Asking(stand, isolated_pool, str(new_uuid7()))


async def test_text(ask: Asking, model_server: ModelServer) -> None:
    answer = "It is a long story. " * 60
    await model_server.script(says(answer, usage=(30, 300), chunk=50))
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    given = await ask(prompt="Tell", system="Be kind", messages=messages, temperature=0.5, max_tokens=900)
    assert (given["text"], given["json"]) == (answer, None)
    assert given["usage"] == {
        "model": "test-model",
        "input_tokens": 30,
        "output_tokens": 300,
        "cache_read_tokens": None,
        "cache_write_tokens": None,
        "reasoning_tokens": None,
        "source": "endpoint",
        "cost_usd": None,
    }
    assert "".join(ask.lines) == answer
    assert max(map(len, ask.lines)) <= 500
    [one] = await model_server.journal()
    assert [message["content"] for message in one.body["messages"]] == ["Be kind", "Hello", "Hi", "Tell"]
    [call] = await ask.stand.calls()
    assert (call.purpose, str(call.run_id), call.path, call.status) == ("module", ask.run_id, "ask", "ok")


async def test_json(ask: Asking, model_server: ModelServer) -> None:
    inputs = dict(MODULE.example.inputs)
    await model_server.script(says('{"topic": "delivery", "order": 1007}'))
    given = await ask(**inputs)
    assert given["json"] == {"topic": "delivery", "order": 1007}
    sent = (await model_server.journal())[-1].body["response_format"]
    assert sent["json_schema"]["strict"] is True
    assert sent["json_schema"]["schema"] == inputs["json_schema"]
    await model_server.script(says('{"topic": "weather", "order": 1}', times=2))
    ask.run_id = str(new_uuid7())
    assert (await ask.problem(**inputs)).code == "llm.malformed"


async def test_files_go_along(ask: Asking, model_server: ModelServer) -> None:
    ask.files = {"picture": ("image/png", PNG), "list": ("text/csv; charset=utf-8", b"a,b\n1,2\n")}
    await model_server.script(says("A dot."))
    assert (await ask(prompt="What is it?", files=["picture", "list"]))["text"] == "A dot."
    text, picture, table = (await model_server.journal())[-1].body["messages"][-1]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    assert picture["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert table["text"].endswith("a,b\n1,2\n")


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"f": ("application/zip", b"PK")}, "input.invalid"),
        ({"f": ("text/plain", b"\xff\xfe\x00")}, "input.invalid"),
        ({"f": ("text/plain", b"x" * (2**21 + 1))}, "payload.too_large"),
    ],
)
async def test_files_that_no_model_reads(
    ask: Asking, model_server: ModelServer, files: dict[str, tuple[str, bytes]], code: str
) -> None:
    ask.files = files
    assert (await ask.problem(prompt="Read", files=["f"])).code == code
    assert await model_server.journal() == []


async def test_what_has_no_question(ask: Asking, model_server: ModelServer) -> None:
    assert (await ask.problem(system="Be kind")).code == "input.invalid"
    assert await model_server.journal() == []


async def test_problems_say_whether_to_try_again(ask: Asking, model_server: ModelServer) -> None:
    await model_server.script(fails(429, retry_after="3"), fails(400, "this model takes no image_url"), raw())
    busy = await ask.problem(prompt="x")
    assert (busy.code, busy.retryable, busy.retry_after, busy.details) == ("llm.rate", True, 3, {"status": 429})
    refused = await ask.problem(prompt="x")
    assert (refused.code, refused.retryable) == ("llm.refused", False)
    assert "takes no image_url" in refused.message
    assert (await ask.problem(prompt="x")).code == "llm.empty"


async def test_secrets_of_the_run_stand_in_no_row(ask: Asking, model_server: ModelServer) -> None:
    await model_server.script(says("fine"))
    ask.used.add("of-this-run-alone")
    await ask(prompt="use of-this-run-alone")
    [call] = await ask.stand.calls()
    assert "of-this-run-alone" not in str(await ask.stand.bodies(call))
