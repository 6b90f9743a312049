"""Secrets go through runs of all modules that may send them, which succeed and fail; then everything that is kept is searched for them.

The servers that the runs call give back what they got, in eleven encodings, in bodies, keys, headers and errors; later steps hand
that on to all that keeps data. The search doesn't know the redactor: it looks for encoded bytes in PostgreSQL's own copy of each table, in
histories as they are and decrypted, in the process's log, its metrics, its answers and the streams of events.
"""

from __future__ import annotations

import asyncio
import base64
import html
import json
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, quote_plus

import asyncpg
import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import WorkflowSerializationContext

from db.pool import Database
from engine.carrier_store import DatabaseClaims, DatabaseOwners
from engine.expressions.values import Json
from engine.sealing import SealingCodec
from tests.fixtures.api import Api, open_api
from tests.fixtures.database import fresh_database
from tests.fixtures.flows import Document, flow, step
from tests.fixtures.http_server import Answer, HttpServer, Request
from workspace.key_store import DatabaseKeys
from workspace.keys import Vault, master_key_from_file

_AT_ONCE = 8


@dataclass(frozen=True)
class Canary:
    name: str
    value: str


def canaries(count: int) -> list[Canary]:
    """Each with characters that every encoding spells in its own way."""
    chance = random.Random(7)
    letters = string.ascii_letters + string.digits
    return [
        Canary(
            f"CANARY_{number}",
            "".join(chance.choices(letters, k=24)) + '+/ "&<é' + "".join(chance.choices(letters, k=8)),
        )
        for number in range(count)
    ]


def encodings(value: str) -> dict[str, str]:
    data = value.encode()
    return {
        "raw": value,
        "json": json.dumps(value)[1:-1],
        "percent": quote(value, safe=""),
        "plus": quote_plus(value),
        "base64": base64.b64encode(data).decode(),
        "base64 behind two bytes": base64.b64encode(b"u:" + data).decode(),
        "base64 for URLs": base64.urlsafe_b64encode(b"x" + data).decode(),
        "hex": data.hex(),
        "HEX": data.hex().upper(),
        "html": html.escape(value),
        "unicode": "".join(f"\\u{ord(one):04x}" for one in value),
    }


def needles(value: str) -> list[bytes]:
    """The middle of each encoding, so that neighbours of its first and last characters don't matter."""
    return [text.encode()[4:28] for text in encodings(value).values()]


def echo(request: Request) -> Answer:
    value = base64.b64decode(request.headers["x-token"]).decode()
    said: dict[str, Json] = {
        **encodings(value),
        f"key-{value}": [value, {"deep": f"<b>{value}</b>"}],
        "large": "x" * 40_000 + value,
        "body": request.body.decode(),
    }
    headers = {
        "x-echo": quote(value, safe=""),
        "set-cookie": f"t={base64.b64encode(value.encode()).decode()}",
        "content-disposition": f"attachment; filename*=UTF-8''{quote(value, safe='')}.json",
    }
    status = 200 if request.path.startswith("/good") else 418
    return Answer(status, {"content-type": "application/json", **headers}, json.dumps(said).encode())


def document(one: Canary, url: str, good: bool) -> Document:
    reads = f"{{{{ vars.{one.name} }}}}"
    headers: Json = {
        "X-Token": f"{{{{ vars.{one.name} | b64encode }}}}",
        "Authorization": f"Basic {{{{ ('u:' ~ vars.{one.name}) | b64encode }}}}",
    }
    place = "good" if good else "bad"
    call = step(
        "http.request",
        url=f"{url}/{place}",
        method="POST",
        query={"q": reads},
        headers=headers,
        json={"all": [reads, {"in": f"a {reads} b"}]},
    )
    seen = "{{ steps.call.output }}" if good else "{{ steps.call.error }}"
    loop = step("core.for_each", after="call" if good else "call:error", items=[1, 2], collect=seen)
    inner = step(
        "http.request", parent="loop", url=f"{url}/{place}?i={{{{ item }}}}", headers=headers, expect_status=200
    )
    # A file holds what came, and is called as the answer says; what it is sent to answers with all of it
    filed = step("http.request", after="loop", url=f"{url}/{place}", headers=headers, response="file")
    file_id = "{{ steps.filed.output.file_id | default('none') }}"
    sent = step("http.request", after="filed", url=f"{url}/{place}", method="POST", headers=headers, body_file=file_id)
    keep = step(
        "kv.set", after="sent", key="k", value=f"{seen} {{{{ steps.filed | to_json }}}} {{{{ steps.sent | to_json }}}}"
    )
    items = step("queue.enqueue", after="keep", queue="canaries", items=[seen])
    child = step("core.subworkflow", after="items", workflow="canary-child", input=seen)
    said = step("core.log", after="child", message=f"{seen} {{{{ steps.loop | to_json }}}}")
    made = flow(
        {"seen": seen, "child": "{{ steps.child.output }}"},
        call=call if good else {**call, "on_error": "branch", "retry": {"max_attempts": 2, "initial": "0.01s"}},
        loop={**loop, **({} if good else {"on_error": "continue"})},
        inner=inner,
        filed=filed if good else {**filed, "on_error": "continue"},
        sent=sent if good else {**sent, "on_error": "continue"},
        keep=keep,
        items=items,
        child=child,
        said=said,
        end=step("core.set", after="said", values={"x": seen})
        if good
        else step("core.fail", after="said", message=f"no: {seen}"),
    )
    return {**made, "name": f"canary-{place}", "requires": {"variables": [one.name]}}


async def test_some_canaries(
    postgres_url: str, template_database: str, temporal_address: str, tmp_path: Path, http_server: HttpServer
) -> None:
    async for url in fresh_database(postgres_url, template_database):
        await search(url, temporal_address, tmp_path, http_server, canaries(6), 24)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_a_hundred_canaries(
    postgres_url: str, template_database: str, temporal_address: str, tmp_path: Path, http_server: HttpServer
) -> None:
    async for url in fresh_database(postgres_url, template_database):
        await search(url, temporal_address, tmp_path, http_server, canaries(100), 500)


async def search(database: str, temporal: str, home: Path, server: HttpServer, birds: list[Canary], runs: int) -> None:
    """Makes the runs, and finds nothing."""
    for path in ("/good", "/bad"):
        for method in ("GET", "POST"):
            server.handle(method, path, echo)
    wanted = [needle for one in birds for needle in needles(one.value)]
    async with open_api(database, temporal, home) as api:
        await api.create(
            {**flow({"got": "{{ input }}"}, a=step("core.set", values={"v": "{{ input }}"}))}, name="canary-child"
        )
        assert (await api.owner.post("/queues", json={"name": "canaries"})).status_code == 201
        for one in birds:
            body: Json = {"name": one.name, "value": one.value, "secret": True}
            assert (await api.owner.post("/variables", json=body)).status_code == 201
        flows = [await api.create(document(one, server.url, good)) for one in birds for good in (True, False)]
        gate = asyncio.Semaphore(_AT_ONCE)
        ended = await asyncio.gather(*[_run(api, flows[number % len(flows)], gate) for number in range(runs)])
        assert sorted({status for _, status, _ in ended}) == ["failed", "succeeded"]
        assert len(server.requests) > 2 * runs
        assert {base64.b64decode(request.headers["x-token"]).decode() for request in server.requests} == {
            one.value for one in birds
        }
        found = {"events": hits(wanted, "".join(events for _, _, events in ended).encode())}
        metrics = await api.outside.get("/metrics")
        found["metrics"] = hits(wanted, metrics.content)
        found["answers"] = hits(wanted, await _answers(api, [run_id for run_id, _, _ in ended]))
        found["database"] = hits(wanted, await _dump(database))
        found["histories"] = hits(wanted, await _histories(api.db, home, temporal, api.namespace))
    found["log"] = hits(wanted, (home / "api.log").read_bytes())
    assert found == dict.fromkeys(found, 0)


def hits(wanted: list[bytes], data: bytes) -> int:
    return sum(needle in data for needle in wanted)


async def _run(api: Api, workflow: str, gate: asyncio.Semaphore) -> tuple[str, str, str]:
    async with gate:
        run_id = await api.start(workflow)
        events = [json.dumps(event.data) async for event in api.events(f"/runs/{run_id}/events")]
        return run_id, str((await api.owner.get(f"/runs/{run_id}")).json()["status"]), "".join(events)


async def _answers(api: Api, runs: list[str]) -> bytes:
    """What the API tells of the runs and variables."""
    texts = [(await api.owner.get("/variables", params={"limit": 500})).content]
    for run_id in runs:
        texts.append((await api.owner.get(f"/runs/{run_id}")).content)
        texts.append((await api.owner.get(f"/runs/{run_id}/steps", params={"limit": 500})).content)
    return b"\n".join(texts)


async def _dump(url: str) -> bytes:
    """Every table whole, as bytes."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        )
        out = BytesIO()
        sizes: dict[str, int] = {}
        for table in tables:
            begin = out.tell()
            await connection.copy_from_query(f'select * from "{table[0]}"."{table[1]}"', output=out, format="binary")
            sizes[table[1]] = out.tell() - begin
        assert sizes["workflow_runs"] > 100, "a dump without the runs has nothing to find"
        return out.getvalue()
    finally:
        await connection.close()


async def _histories(db: Database, home: Path, address: str, namespace: str) -> bytes:
    """Every history of the database's runs, as Temporal has it, and with its payloads opened."""
    vault = Vault(master_key_from_file(home / "master.key", create=False), DatabaseKeys(db))
    codec = SealingCodec(vault, DatabaseClaims(db), DatabaseOwners(db))
    client = await Client.connect(address, namespace=namespace)
    parts: list[bytes] = []
    async for execution in client.list_workflows():
        history = await client.get_workflow_handle(execution.id).fetch_history()
        bound = codec.with_context(WorkflowSerializationContext(namespace, execution.id))
        for event in history.events:
            parts.append(event.SerializeToString())
            parts += [opened.data for opened in await bound.decode(list(_payloads(event)))]
    assert len(parts) > 100
    return b"\n".join(parts)


def _payloads(message: Message) -> Iterator[Payload]:
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            for item in value.values():
                if isinstance(item, Message):
                    yield from _payloads(item)
        elif isinstance(value, Message):
            yield from _payloads(value)
        else:
            for item in value:
                yield from _payloads(item)
