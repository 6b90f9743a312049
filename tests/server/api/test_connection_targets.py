"""Connections to real servers: a trial says whether the credential is taken, and a workflow works with it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult

from tests.fixtures.api import Api
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer, Request

WRONG = "wr0ng-canary-password"
Target = tuple[str, dict[str, Any], dict[str, Any]]
"""A connection's kind, its config, and the right secret."""


async def create(api: Api, kind: str, config: dict[str, Any], secret: dict[str, Any]) -> str:
    name = f"target-{uuid4().hex[:10]}"
    body = {"name": name, "app": "shop", "kind": kind, "config": config, "secret": secret}
    answer = await api.owner.post("/connections", json=body)
    assert answer.status_code == 201, answer.text
    return name


def postgres_target(url: str) -> Target:
    parts = urlsplit(url)
    config = {
        "host": parts.hostname,
        "port": parts.port,
        "database": parts.path.removeprefix("/"),
        "user": unquote(parts.username or ""),
        "sslmode": "prefer",
    }
    return "postgres", config, {"password": unquote(parts.password or "")}


@asynccontextmanager
async def relayed(url: str) -> AsyncIterator[str]:
    """The server at another port: under its own it belongs to the engine, and no connection may go there."""
    inner = urlsplit(url)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(inner.hostname, inner.port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield url.replace(f":{inner.port}/", f":{port}/")
    finally:
        listener.close()


@contextmanager
def smtp_target() -> Iterator[Target]:
    def sign_in(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(handled=False, success=(data.login, data.password) == (b"ada", b"right"))

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Sink(), hostname="127.0.0.1", port=port, authenticator=sign_in, auth_require_tls=False)
    controller.start()
    try:
        yield (
            "smtp",
            {"host": "127.0.0.1", "port": port, "tls": "none", "username": "ada"},
            {"password": "right"},
        )
    finally:
        controller.stop()


@asynccontextmanager
async def imap_target(folder: Path) -> AsyncIterator[Target]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--no-tls", "--no-service", "sieve", "dict", "--demo-data"]
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("pymap"),
        *arguments,
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        while True:
            assert process.returncode is None
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.05)
        config = {"host": "127.0.0.1", "port": port, "tls": "none", "username": "demouser"}
        yield "imap", config, {"password": "demopass"}
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.fixture
async def database(empty_database_url: str) -> AsyncIterator[str]:
    async with relayed(empty_database_url) as url:
        yield url


@pytest.fixture
async def targets(database: str, http_server: HttpServer, tmp_path: Path) -> AsyncIterator[dict[str, Target]]:
    def models(request: Request) -> Answer:
        right = request.headers.get("authorization") == "Bearer right"
        return Answer.of_json({"data": []} if right else {"error": "no"}, 200 if right else 401)

    http_server.handle("GET", "/v1/models", models)
    async with imap_target(tmp_path) as imap:
        with smtp_target() as smtp:
            yield {
                "postgres": postgres_target(database),
                "smtp": smtp,
                "imap": imap,
                "llm": ("llm", {"base_url": f"{http_server.url}/v1"}, {"api_key": "right"}),
            }


async def test_a_trial_says_whether_the_credential_is_taken(api: Api, targets: dict[str, Target]) -> None:
    for kind, config, secret in targets.values():
        right = (await api.editor.post(f"/connections/{await create(api, kind, config, secret)}/test")).json()
        assert (right["ok"], right["status"]) == (True, 200 if kind == "llm" else None), (kind, right)
        assert right["duration_ms"] > 0

        bad = await create(api, kind, config, dict.fromkeys(secret, WRONG))
        wrong = await api.editor.post(f"/connections/{bad}/test")
        assert wrong.status_code == 200
        assert wrong.json()["ok"] is False, kind
        assert "refuse" in wrong.json()["detail"], (kind, wrong.text)
        assert WRONG not in wrong.text


async def test_a_target_that_is_away_is_told_from_one_that_refuses(api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gone: list[Target] = [
        ("postgres", {"host": "127.0.0.1", "port": port, "database": "d", "user": "u"}, {"password": WRONG}),
        ("smtp", {"host": "127.0.0.1", "port": port, "username": "u"}, {"password": WRONG}),
        ("imap", {"host": "127.0.0.1", "port": port, "username": "u"}, {"password": WRONG}),
        ("bearer", {"base_url": f"http://127.0.0.1:{port}"}, {"token": WRONG}),
    ]
    for kind, config, secret in gone:
        trial = await api.editor.post(f"/connections/{await create(api, kind, config, secret)}/test")
        assert (trial.status_code, trial.json()["ok"]) == (200, False)
        assert "refuses the user" not in trial.json()["detail"], kind
        assert WRONG not in trial.text


async def test_a_workflow_reads_and_writes_a_database_through_its_connection(api: Api, database: str) -> None:
    kind, config, secret = postgres_target(database)
    name = await create(api, kind, config, secret)

    def sql(text: str, **inputs: Any) -> dict[str, Any]:
        return {**step("postgres.query", sql=text, **inputs), "connection": name}

    document = flow(
        make=sql("create table orders (id int primary key, total numeric, note text)", mode="execute"),
        fill={
            **sql(
                "insert into orders values ($1, $2, $3) returning id",
                params="{{ [input.id, input.total, input.note] }}",
                mode="execute",
            ),
            "_after": "make",
        },
        read={**sql("select id, total, note from orders where id = $1", params=["{{ input.id }}"]), "_after": "fill"},
    )
    document["requires"] = {"connections": {name: {"app": "shop"}}}
    document["output"] = "{{ steps.read.output.row }}"
    workflow = await api.create(document)
    given = {"id": 7, "total": "12.50", "note": "'); drop table orders; --"}
    run = await api.run(workflow, given)
    assert (run["status"], run["output"]) == ("succeeded", {"id": 7, "total": 12.5, "note": given["note"]}), run
    again = await api.run(workflow, given)
    assert (again["status"], again["error"]["code"]) == ("failed", "postgres.42")

    bad = await create(api, kind, config, {"password": WRONG})
    asks = {**step("postgres.query", sql="select 1"), "connection": bad}
    refused = await api.run(await api.create({**flow(a=asks), "requires": {"connections": {bad: {"app": "shop"}}}}))
    assert refused["status"] == "failed"
    steps = await api.steps(refused["run_id"])
    assert WRONG not in str(refused) + str(steps)


async def test_the_engine_s_own_database_is_no_target(api: Api, postgres_url: str) -> None:
    kind, config, secret = postgres_target(postgres_url)
    trial = (await api.owner.post(f"/connections/{await create(api, kind, config, secret)}/test")).json()
    assert trial["ok"] is False
    assert "belongs to the engine itself" in trial["detail"]
