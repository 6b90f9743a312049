"""While PostgreSQL is away everything that needs it says 503 and nothing is accepted; then all goes on without a restart."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from urllib.parse import urlsplit

import aiosmtplib
import pytest

from tests.fixtures.api import JSON, open_api, problem
from tests.fixtures.flows import flow, step


class Wire:
    """A way to the database that can be cut: what is connected breaks off, and nobody gets through."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for end in list(self._ends):
            end.transport.abort()
        await self._server.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        ends = {writer, back}
        self._ends |= ends
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


async def test_a_database_that_is_gone_costs_503s_and_no_restart(
    database_url: str, temporal_address: str, tmp_path: Path
) -> None:
    trigger = {"module": "webhook.trigger", "version": 1, "inputs": {}}
    mail = {"module": "email.trigger", "version": 1, "inputs": {"alias": "box"}}
    document = flow("{{ input }}", a=step("core.set", values={})) | {"triggers": {"hook": trigger, "mail": mail}}
    parts = urlsplit(database_url)
    wire = Wire(str(parts.hostname), parts.port or 0)
    await wire.mend()
    through = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{wire.port}").geturl()
    async with open_api(through, temporal_address, tmp_path) as api:
        name = await api.create(document)
        done = await api.run(name, 1)
        sender = aiosmtplib.SMTP(hostname="127.0.0.1", port=api.smtp_port, start_tls=False)
        await sender.connect()
        await sender.mail("a@x.example")
        await sender.rcpt("box@localhost")
        await wire.cut()
        for refused in (
            sender.data(b"Message-ID: <1@x>\r\n\r\nhi"),
            sender.sendmail("a@x.example", ["box@localhost"], b""),
        ):
            with pytest.raises(aiosmtplib.SMTPException, match="451"):
                await refused
        for answer in (
            await api.owner.get("/workflows"),
            await api.owner.get(f"/runs/{done['run_id']}"),
            await api.owner.get(f"/runs/{done['run_id']}/events"),
            await api.owner.get("/runs/events"),
            await api.owner.post("/workflows", json={"name": "x"}, headers={"Idempotency-Key": "k"}),
            await api.owner.post(f"/workflows/{name}/runs", json={"input": 2}),
            await api.owner.post(f"/runs/{done['run_id']}/cancel"),
            await api.hook(name, content=b"3", headers=JSON),
            await api.outside.get("/readyz"),
        ):
            problem(answer, 503, "database.unavailable")
        assert (await api.outside.get("/healthz")).status_code == 200
        assert "millstream_http_requests_total" in (await api.outside.get("/metrics")).text
        await wire.mend()
        while (await api.outside.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)
        assert (await api.owner.get("/runs", params={"workflow": name})).json()["items"] == [done]
        assert (
            await api.owner.post("/workflows", json={"name": "x"}, headers={"Idempotency-Key": "k"})
        ).status_code == 201
        assert (await api.run(name, 4))["output"] == 4
        for _ in range(2):
            await sender.sendmail("a@x.example", ["box@localhost"], b"Message-ID: <1@x>\r\n\r\nhi")
        await sender.quit()
        found = (await api.owner.get("/inbox", params={"kind": "email"})).json()["items"]
        assert "duplicate" in {event["verdict"] for event in found}
        assert len(found) == 2
    await wire.cut()
