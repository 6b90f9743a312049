"""A way by every route that writes, again and again, so that what seldom happens under load is passed as well.

Each lap makes things of its own and takes them away again. A request is repeated until it is answered; that it had been done already, as an
answer that got lost, is no fault. What the laps' runs come to is nobody's business here: the load's own runs are judged.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import parse_qs, urlsplit

import aiosmtplib
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from chaos.checker import ASIDE
from chaos.load import NO_ANSWER
from chaos.mail_servers import PASSWORD, USER, MailServers, mail_servers
from chaos.model_server import model_server
from chaos.scene import Document, flow, step
from chaos.stand import Stand
from engine.expressions.values import Json

_GIVE_UP_S = 120.0
_LARGE = 400_000
_PAUSE_S = 0.2
_WORKSPACES = 30
_SILENCE_S = 12.0
"""A mailbox is kept by who reads it after ten seconds."""


class Tour:
    """`wrong` is what was answered that should never be."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self.laps = 0
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def run(self, stop: asyncio.Event, lane: int) -> None:
        """Each kind of thing goes its own laps: what waits for one doesn't hold up the others."""
        ways = (
            self._workflows,
            self._queues,
            self._triggers,
            self._events,
            self._polls,
            self._families,
            self._long,
            self._small,
            self._people,
            self._files,
            self._connections,
        )

        async def again(way: Callable[[str], Awaitable[None]]) -> None:
            lap = 0
            while not stop.is_set():
                await way(f"{ASIDE}{way.__name__.strip('_')}-{lane}-{lap}")
                lap += 1
                self.laps += 1
                await asyncio.sleep(_PAUSE_S)

        async with mail_servers() as servers, model_server() as models:

            async def _mailboxes(name: str) -> None:
                await self._mailboxes(name, servers)

            async def _models(name: str) -> None:
                await self._models(name, models)

            await asyncio.gather(*(again(way) for way in (*ways, _mailboxes, _models)))

    async def _workflows(self, name: str) -> None:
        document = _all_in_one(name)
        await self._ask("POST", "/workflows", {"document": document})
        await self._ask("POST", f"/workflows/{name}/deploy", {"note": "first"})
        draft = await self._ask(
            "PUT", f"/workflows/{name}/draft", {"document": {**document, "title": "other"}, "base_revision": 1}
        )
        if draft is not None:
            await self._ask("POST", f"/workflows/{name}/deploy", {"note": "second"})
            await self._ask("POST", f"/workflows/{name}/versions/1/rollback", {})
        await self._ask("PATCH", f"/workflows/{name}", {"status": "paused"})
        await self._ask("PATCH", f"/workflows/{name}", {"status": "active"})
        await self._ask("POST", f"/workflows/{name}/test", {})
        large: Json = {"n": 1, "text": "x" * _LARGE, "rows": [{"n": n, "text": "y" * 9_000} for n in range(60)]}
        run = await self._ask("POST", f"/workflows/{name}/runs", {"input": large, "wait": 20}, key=f"{name}-run")
        if run is not None:
            run_id = run["run_id"]
            await self._ask("POST", f"/runs/{run_id}/pin", {"reason": "chaos"})
            await self._ask("POST", f"/runs/{run_id}/unpin", None)
            await self._ask("POST", f"/runs/{run_id}/replay", {"from_step": "rest"}, key=f"{name}-again")
            await self._ask("POST", "/runs/replay", {"filter": {"workflow": name}, "operation": f"{name}-many"})
        await self._hook(name)
        await self._ask("POST", "/runs/cancel", {"filter": {"workflow": name}})
        await self._ask("DELETE", f"/workflows/{name}?purge=true&force=true", None)

    async def _triggers(self, name: str) -> None:
        """What starts runs by itself, and the inbox that it goes through."""
        inputs: dict[str, Json] = {"schema": {"type": "object"}}
        schedule: dict[str, Json] = {"every": "1s", "overlap": "buffer_one"}
        document = flow(name, None, no=step("core.set", values={}))
        document["triggers"] = {
            "hook": {"module": "webhook.trigger", "version": 1, "inputs": inputs},
            "at": {"module": "schedule.trigger", "version": 1, "inputs": schedule},
            "mail": {"module": "email.trigger", "version": 1, "inputs": {"alias": name}},
        }
        await self._ask("POST", "/workflows", {"document": document})
        await self._ask("POST", f"/workflows/{name}/deploy", {"note": "first"})
        found = await self._ask("GET", f"/schedules?workflow={name}", None)
        for one in cast("list[dict[str, Json]]", found["items"]) if found is not None else []:
            at = f"/schedules/{one['schedule_id']}"
            await self._ask("POST", f"{at}/pause", {"reason": "chaos"})
            span: Json = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:03Z"}
            await self._ask("POST", f"{at}/backfill", span)
            await self._ask("POST", f"{at}/resume", None)
        hook = f"{self._stand.url}/hooks/main/{name}/hook"
        await self._ask("POST", hook, {}, key=f"{name}-hook")
        await self._ask("POST", hook, [], used=422)
        await self._mail(name)
        await self._ask("PATCH", f"/workflows/{name}", {"status": "paused"})
        found = await self._ask("GET", f"/inbox?workflow={name}", None)
        for one in cast("list[dict[str, Json]]", found["items"])[:3] if found is not None else []:
            await self._ask("POST", f"/inbox/{one['event_id']}/replay", None)
            await asyncio.sleep(0.5)
            await self._ask("POST", f"/inbox/{one['event_id']}/drop", None)
        await self._ask("PATCH", f"/workflows/{name}", {"status": "active"})
        await self._ask(
            "PUT",
            f"/workflows/{name}/draft",
            {"document": flow(name, None, no=step("core.set", values={})), "base_revision": 1},
        )
        await self._ask("POST", f"/workflows/{name}/versions/1/rollback", {})
        await self._ask("DELETE", f"/workflows/{name}?purge=true&force=true", None)

    async def _events(self, name: str) -> None:
        """One that tells, one that listens, one that waits, and one that looks after ends."""
        told = f"{name}-told"
        listens = flow(f"{name}-listens", None, no=step("core.set", values={}))
        listens["triggers"] = {"told": _trigger("event.trigger", name=told, filter="{{ trigger.body.n > 0 }}")}
        ends = flow(f"{name}-ends", None, no=step("core.set", values={}))
        ends["triggers"] = {"ends": _trigger("workflow.finished", workflows=[name], status=["succeeded"])}
        waits = flow(f"{name}-waits", None, w=step("core.wait_for_event", key=name, timeout="20s"))
        # Another number than the call's: what listens has a run for each.
        emits = flow(name, None, e=step("event.emit", name=told, key=name, data={"n": 2}))
        documents = (listens, ends, waits, emits)
        for document in documents:
            await self._ask("POST", "/workflows", {"document": document})
            await self._ask("POST", f"/workflows/{document['name']}/deploy", {"note": "first"})
        # Kept for the first wait; the second one is there before it is told.
        await self._ask("POST", "/events", {"name": told, "key": name, "data": {"n": 1}}, key=f"{name}-event")
        await self._ask("POST", "/events", {"name": f"{name}-unheard"}, key=f"{name}-unheard")
        await self._ask("POST", f"/workflows/{name}-waits/runs", {"input": {}, "wait": 20}, key=f"{name}-first")
        run = await self._ask("POST", f"/workflows/{name}-waits/runs", {"input": {}}, key=f"{name}-second")
        for _ in range(50):
            if run is None or run["status"] == "waiting":
                break
            await asyncio.sleep(0.2)
            run = await self._ask("GET", f"/runs/{run['run_id']}", None)
        await self._ask("POST", f"/workflows/{name}/runs", {"input": {}, "wait": 20}, key=name)
        for document in documents:
            await self._ask("DELETE", f"/workflows/{document['name']}?purge=true&force=true", None)

    async def _mail(self, alias: str) -> None:
        """One that starts a run, and one that starts none."""
        mails = [
            f"Message-ID: <{alias}@x>\r\n\r\nhi",
            f"Message-ID: <{alias}@x>\r\nAuto-Submitted: auto-replied\r\n\r\nhi",
        ]
        give_up = asyncio.get_running_loop().time() + _GIVE_UP_S
        while mails and asyncio.get_running_loop().time() < give_up:
            port = self._stand.state.smtp_port
            client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=30)
            try:
                async with client:
                    while mails:
                        await client.sendmail("a@x.example", [f"{alias}@localhost"], mails[0].encode())
                        mails.pop(0)
                        self.answers["250"] += 1
            except (aiosmtplib.SMTPException, OSError) as error:
                self.answers[type(error).__name__] += 1
                if "550" in str(error):
                    return  # it wasn't deployed
                await asyncio.sleep(0.1)

    async def _polls(self, name: str) -> None:
        document = flow(name, None, no=step("core.set", values={}))
        document["triggers"] = {
            "good": _trigger("poll.trigger", every="1s", request={"url": f"{self._stand.ledger.url}/-/tokens/good"}),
            "bad": _trigger("poll.trigger", every="1s", request={"url": f"{self._stand.ledger.url}/-/tokens/refused"}),
        }
        await self._ask("POST", "/workflows", {"document": document})
        await self._ask("POST", f"/workflows/{name}/deploy", {"note": "first"})
        found = await self._ask("GET", f"/polls?workflow={name}", None)
        for one in cast("list[dict[str, Json]]", found["items"]) if found is not None else []:
            await self._ask("POST", f"/polls/{one['poll_id']}/reset", {"cursor": 1})
            await self._ask("POST", f"/polls/{one['poll_id']}/now", None)
        await asyncio.sleep(2.0)
        await self._ask("DELETE", f"/workflows/{name}?purge=true&force=true", None)

    async def _mailboxes(self, name: str, servers: MailServers) -> None:
        """One that is read until its password is refused, and one whose server says nothing."""
        secret: Json = {"password": PASSWORD}
        document = flow(name, None, no=step("core.set", values={}))
        triggers: dict[str, Json] = {}
        needs: dict[str, Json] = {}
        await servers.put(name)
        for trigger, each, port in (("read", name, servers.real), ("silent", f"{name}-silent", servers.silent)):
            config: Json = {"host": "127.0.0.1", "port": port, "tls": "none", "username": USER}
            about: Json = {"name": each, "app": "mail", "kind": "imap", "config": config, "secret": secret}
            await self._ask("POST", "/connections", about)
            inputs: Json = {"every": "1s", "mailbox": name, "afterwards": "seen"}
            triggers[trigger] = {"module": "email.trigger", "version": 1, "connection": each, "inputs": inputs}
            needs[each] = {"app": "mail"}
        document["triggers"] = triggers
        document["requires"] = {"connections": needs}
        await self._ask("POST", "/workflows", {"document": document})
        await self._ask("POST", f"/workflows/{name}/deploy", {"note": "first"})
        await asyncio.sleep(2.0)
        await servers.put(name, *(f"Message-ID: <{name}-{one}@x>\r\n\r\nhi\r\n".encode() for one in range(2)))
        await asyncio.sleep(_SILENCE_S)
        await self._ask("PATCH", f"/connections/{name}", {"secret": {"password": "another"}})
        await asyncio.sleep(2.0)
        await self._ask("DELETE", f"/workflows/{name}?purge=true&force=true", None)
        for each in needs:
            await self._ask("DELETE", f"/connections/{each}?force=true", None)

    async def _models(self, name: str, base_url: str) -> None:
        """A model that nobody has tried yet is asked for words and for JSON."""
        config: Json = {"base_url": base_url, "model": name}
        about: Json = {
            "name": name,
            "app": "llm",
            "kind": "llm",
            "config": config,
            "secret": {"api_key": "of the tour"},
        }
        await self._ask("POST", "/connections", about)
        await self._ask("PUT", "/copilot/llm-prices", {"model": name, "input_usd": 1, "output_usd": 2})
        await self._ask("PUT", "/copilot/llm-budget", {"daily_tokens": None, "daily_usd": 1_000_000})
        schema: Json = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        document = flow(
            name,
            None,
            words=step("llm.prompt", prompt="How is it?") | {"connection": name},
            json=step("llm.prompt", prompt="How many?", json_schema=schema, after="words") | {"connection": name},
        )
        document["requires"] = {"connections": {name: {"app": "llm"}}}
        await self._ask("POST", "/workflows", {"document": document})
        await self._ask("POST", f"/workflows/{name}/deploy", {"note": "first"})
        await self._ask("POST", f"/workflows/{name}/runs", {"input": {}, "wait": 30}, key=name)
        await self._ask("DELETE", f"/copilot/llm-prices?model={name}", None)
        await self._ask("DELETE", f"/workflows/{name}?purge=true&force=true", None)
        await self._ask("DELETE", f"/connections/{name}?force=true", None)

    async def _families(self, name: str) -> None:
        """A parent that is called off while its child waits, and a run whose execution is ended from outside."""
        child = flow(f"{name}-child", None, rest=step("core.wait", duration="1h"))
        parent = flow(name, None, one=step("core.subworkflow", workflow=f"{name}-child", input={}))
        for document in (child, parent):
            await self._ask("POST", "/workflows", {"document": document})
            await self._ask("POST", f"/workflows/{document['name']}/deploy", {"note": "first"})
        for which in ("called off", "lost"):
            run = await self._ask("POST", f"/workflows/{name}/runs", {"input": {}}, key=f"{name} {which}")
            if run is None:
                continue
            for _ in range(100):
                run = await self._ask("GET", f"/runs/{run['run_id']}", None)
                if run is None or run["status"] == "waiting":
                    break
                await asyncio.sleep(0.2)
            if run is None:
                continue
            if which == "lost":
                await self._lose(str(run["run_id"]))
            await self._ask("POST", f"/runs/{run['run_id']}/cancel", None)
        for document in (parent, child):
            await self._ask("DELETE", f"/workflows/{document['name']}?purge=true&force=true", None)

    async def _long(self, name: str) -> None:
        """A run that is at work for so long that the reconciler asks after it."""
        asks = step("http.request", url=f"{self._stand.ledger.url}/-/slow") | {"timeout": "1m"}
        await self._ask("POST", "/workflows", {"document": flow(name, None, asks=asks)})
        await self._ask("POST", f"/workflows/{name}/deploy", {"note": "first"})
        await self._ask("POST", f"/workflows/{name}/runs", {"input": {}, "wait": 60}, key=name)
        await self._ask("DELETE", f"/workflows/{name}?purge=true&force=true", None)

    async def _lose(self, run_id: str) -> None:
        """End its execution behind the product's back, and wait until somebody has noticed."""
        address = self._stand.state.temporal_address
        if address is None:
            return
        with contextlib.suppress(RPCError, RuntimeError, TimeoutError):
            client = await Client.connect(address)
            await client.get_workflow_handle(run_id).terminate("chaos")
            async with asyncio.timeout(30):
                while (
                    await client.get_workflow_handle(run_id).describe()
                ).status is WorkflowExecutionStatus.TERMINATED:
                    await asyncio.sleep(1)

    async def _hook(self, name: str) -> None:
        hook = f"{self._stand.url}/hooks/main/{name}/hook"
        await asyncio.gather(
            *(
                self._ask("POST", hook, {"n": one, "text": "", "rows": []}, key=f"{name}-hook-{one}")
                for one in range(2, 6)
            )
        )

    async def _queues(self, name: str) -> None:
        consumer = flow(name, None, no=step("core.fail", code="tour.no", message="as it should"))
        consumer["triggers"] = {"take": {"module": "queue.consumer", "version": 1, "inputs": {"queue": name}}}
        await self._ask(
            "POST", "/queues", {"name": name, "flush_record_max_age": 1, "on_failure": "dead_letter", "max_attempts": 1}
        )
        await self._ask("POST", "/workflows", {"document": consumer})
        await self._ask("POST", f"/workflows/{name}/deploy", {"note": "consumer"})
        await self._ask(
            "POST", f"/queues/{name}/items", {"items": [{"data": one} for one in range(3)]}, key=f"{name}-1"
        )
        await self._ask("POST", f"/queues/{name}/flush", None)
        dead = None
        for _ in range(40):
            dead = await self._ask("GET", f"/queues/{name}/dead-letters", None)
            if dead is None or dead["items"]:
                break
            await asyncio.sleep(0.2)
        if dead is not None and dead["items"]:
            item_id = cast("list[dict[str, Json]]", dead["items"])[0]["item_id"]
            await self._ask("POST", f"/queues/{name}/dead-letters/drop", {"item_ids": [item_id]})
        await self._ask("POST", f"/queues/{name}/pause", None)
        await self._ask("PATCH", f"/queues/{name}", {"flush_record_max_age": 5, "flush_batch_size": 7})
        await self._ask("POST", f"/queues/{name}/dead-letters/replay", {"all": True})
        await self._ask(
            "POST", f"/queues/{name}/items", {"items": [{"data": 4, "delay": 60}, {"data": 5, "dedupe_key": "d"}]}
        )
        await self._ask("POST", f"/queues/{name}/clear", None)
        await self._ask("POST", f"/queues/{name}/resume", None)
        await self._ask(
            "PUT",
            f"/workflows/{name}/draft",
            {"document": flow(name, None, no=step("core.set", values={})), "base_revision": 1},
        )
        await self._ask("POST", f"/workflows/{name}/deploy", {"note": "takes nothing any more"})
        await self._ask("DELETE", f"/queues/{name}?force=true", None)
        await self._ask("DELETE", f"/workflows/{name}?purge=true&force=true", None)

    async def _small(self, name: str) -> None:
        name = name.replace("-", "_")
        await self._ask("POST", "/variables", {"name": name, "value": 1})
        await self._ask("PUT", f"/variables/{name}", {"value": 2})
        await self._ask("DELETE", f"/variables/{name}", None)
        made = await self._ask("POST", "/api-keys", {"name": name, "role": "viewer"})
        if made is not None:
            await self._ask("DELETE", f"/api-keys/{made['api_key_id']}", None)

    async def _people(self, name: str) -> None:
        person = await self._ask("POST", "/members", {"email": f"{name}@example.com", "role": "viewer"})
        if person is not None:
            await self._ask("PATCH", f"/members/{person['user_id']}", {"role": "editor"})
            key: Json = {"name": name, "role": "viewer", "user_id": person["user_id"]}
            await self._ask("POST", "/api-keys", key, key=name)
            await self._ask("DELETE", f"/members/{person['user_id']}", None)
        # Workspaces stay, so that they are made a few times only.
        *_, lane, lap = name.split("-")
        slug = f"{ASIDE}{lane}-{int(lap) % _WORKSPACES}"
        await self._ask("POST", "/workspaces", {"slug": slug}, key=slug)
        await self._ask("PATCH", "/workspaces/main", {"name": "main"})

    async def _files(self, name: str) -> None:
        made = await self._ask("POST", f"/files?name={name}.txt&tags=tour", b"some bytes\n" * 900, key=name)
        if made is None:
            return
        file = f"/files/{made['file_id']}"
        await self._ask("PATCH", file, {"tags": ["tour", "changed"], "expires_in": "1h"})
        await self._ask("DELETE", file, None)

    async def _connections(self, name: str) -> None:
        provider = self._stand.ledger.url
        client: dict[str, Json] = {"token_url": f"{provider}/-/tokens/good", "client_id": "tour"}
        base: dict[str, Json] = {"test_url": f"{provider}/-/tokens/good", "base_url": provider}
        secret: Json = {"client_secret": "of the tour"}
        kind: dict[str, Json] = {"app": "tour", "kind": "oauth2", "secret": secret}

        asked = client | base | {"grant": "client_credentials"}
        await self._ask("POST", "/connections", {"name": name, **kind, "config": asked})
        used = flow(name, None, one=step("http.request", url="/tour") | {"connection": name})
        requires: dict[str, Json] = {name: {"app": "tour"}}
        used["requires"] = {"connections": requires}
        await self._ask("POST", "/workflows", {"document": used})
        await self._ask("POST", f"/workflows/{name}/deploy", {"note": "uses it"})
        for answers in ("good", "away", "refused"):
            config = asked | {"token_url": f"{provider}/-/tokens/{answers}"}
            await self._ask("PATCH", f"/connections/{name}", {"config": config, "secret": secret})
            await self._ask("POST", f"/connections/{name}/test", None)

        its = client | {"authorization_url": f"{provider}/authorize"}
        await self._ask("POST", "/connection-providers", {"name": name, "config": its, "secret": secret})
        wider: Json = {**its, "scopes": ["tour"]}
        await self._ask("PATCH", f"/connection-providers/{name}", {"config": wider, "secret": secret})
        of_a_person = base | {"grant": "authorization_code", "provider": name}
        await self._ask(
            "POST", "/connections", {"name": f"{name}-person", "app": "tour", "kind": "oauth2", "config": of_a_person}
        )
        address = await self._ask("POST", f"/connections/{name}-person/authorize", None)
        if address is not None:
            state = parse_qs(urlsplit(str(address["url"])).query)["state"][0]
            await self._ask("GET", f"{self._stand.url}/oauth/callback?state={state}&code=of-the-tour", None, used=400)
        await self._ask("POST", f"/connections/{name}-person/revoke", None)
        await self._ask("DELETE", f"/connections/{name}-person", None)
        await self._ask("DELETE", f"/connection-providers/{name}", None)
        await self._ask("DELETE", f"/workflows/{name}?purge=true&force=true", None)
        await self._ask("DELETE", f"/connections/{name}?force=true", None)

    async def _ask(
        self, method: str, path: str, body: Json | bytes, *, key: str | None = None, used: int = 404
    ) -> dict[str, Json] | None:
        """The answer, if it was 2xx and had something to say."""
        headers = {"Idempotency-Key": key} if key is not None else {}
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        give_up = asyncio.get_running_loop().time() + _GIVE_UP_S
        while asyncio.get_running_loop().time() < give_up:
            try:
                answer = await self._stand.http.request(method, path, headers=headers, content=content)
            except NO_ANSWER as error:
                self.answers[type(error).__name__] += 1
            else:
                self.answers[str(answer.status_code)] += 1
                if answer.status_code < 300:
                    # A hook answers with whatever its run says.
                    told = answer.content and answer.headers.get("content-type", "").startswith("application/json")
                    found = cast("object", answer.json()) if told else None
                    return cast("dict[str, Json]", found) if isinstance(found, dict) else None
                if answer.status_code in {404, 409, 410, used}:
                    return None  # done already by one whose answer was lost, or what it is about is gone
                if answer.status_code not in {429, 503, 504}:
                    self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
                    return None
            await asyncio.sleep(0.1)
        return None


def _trigger(module: str, **inputs: Json) -> Json:
    return {"module": module, "version": 1, "inputs": inputs}


def _all_in_one(name: str) -> Document:
    """Keys, a throttle, large values, a loop over some, and an answer while the run goes on."""
    key = f"{name}-key"
    throttle: Document = {"throttle": {"key": "tour", "count": 50, "per": "1s"}}
    document = flow(
        name,
        {"text": "{{ input.text }}"},
        copy=step("core.set", values={"text": "{{ input.text }}!"}),
        each=step("core.for_each", items="{{ input.rows }}", collect="{{ item.n }}", after="copy"),
        one=step("core.set", values={"n": "{{ item.n }}"}, parent="each"),
        set=step("kv.set", key=key, value=1, after="each") | throttle,
        add=step("kv.increment", key=key, after="set"),
        get=step("kv.get", key=key, after="add"),
        drop=step("kv.delete", key=key, after="get"),
        answer=step("core.respond", status=200, body="well", after="drop"),
        rest=step("core.wait", duration="100ms", after="answer"),
    )
    document["triggers"] = {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {"mode": "sync"}}}
    document["tests"] = []
    return document
