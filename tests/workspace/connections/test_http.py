"""A step's requests with a connection: an access token that its target refuses is renewed once, whatever the body is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from modules.sdk.context import Http, Sending
from tests.fixtures.http_server import Answer, HttpServer, Request
from tests.fixtures.oauth_provider import OAuthProvider
from tests.workspace.connections.stand import Stand
from workspace.connections.http import ConnectedHttp
from workspace.connections.opening import Opened
from workspace.egress.client import Egress

Way = Callable[[Http, str], Awaitable[tuple[int, bytes]]]
CONTENT = b"x" * 300_000


async def requested(http: Http, url: str) -> tuple[int, bytes]:
    answer = await http.request("POST", url, content=CONTENT, timeout=20)
    return answer.status, answer.body


async def streamed(http: Http, url: str) -> tuple[int, bytes]:
    async def content() -> AsyncIterator[bytes]:
        for start in range(0, len(CONTENT), 70_000):
            yield CONTENT[start : start + 70_000]

    sending = Sending(len(CONTENT), content)
    async with http.stream("POST", url, sending=sending, timeout=20, limit=2**20) as answer:
        return answer.status, b"".join([piece async for piece in answer.body])


async def as_if_later(stand: Stand, egress: Egress) -> Http:
    """What a step gets, two minutes after the present token was given."""
    opened = await stand.open()
    assert opened.tokens is not None
    opened = replace(opened, tokens=replace(opened.tokens, issued_at=opened.tokens.issued_at - 120))

    async def at_once(_: Opened) -> float:
        return 0.0

    return ConnectedHttp(egress, stand.opener, opened, stand.learned.append, at_once)


@pytest.mark.parametrize("ask", [requested, streamed])
async def test_a_token_that_is_refused_is_renewed_once_and_the_body_sent_again(
    stand: Stand, oauth_provider: OAuthProvider, http_server: HttpServer, egress: Egress, ask: Way
) -> None:
    refused: set[str] = set()

    def answer(request: Request) -> Answer:
        refused.add(request.headers["authorization"])
        return Answer(200, {}, b"fine") if len(refused) > 1 else Answer(401, {}, b"no")

    http_server.handle("POST", "/", answer)
    await stand.consented(oauth_provider, base_url=http_server.url)
    young = await stand.runs.use(stand.workspace_id, "crm", stand.learned.append)
    assert await ask(young.http, http_server.url) == (401, b"no"), "a new token that is refused isn't what is wrong"
    http = await as_if_later(stand, egress)
    assert await ask(http, http_server.url) == (200, b"fine")
    assert await ask(http, http_server.url) == (200, b"fine")
    assert [request.body == CONTENT for request in http_server.requests] == [True] * 4
    tokens = [request.headers["authorization"].removeprefix("Bearer ") for request in http_server.requests]
    assert tokens[0] == tokens[1] != tokens[2] == tokens[3]
    assert tokens[2] in stand.learned
    assert (await oauth_provider.counts())["granted"].get("refresh_token") == 1


@pytest.mark.parametrize("ask", [requested, streamed])
async def test_where_renewing_helps_nothing_the_refusal_is_the_answer(
    stand: Stand, oauth_provider: OAuthProvider, http_server: HttpServer, egress: Egress, ask: Way
) -> None:
    http_server.answer("POST", "/", Answer(401, {}, b"no"))
    await stand.consented(oauth_provider, base_url=http_server.url)
    http = await as_if_later(stand, egress)
    assert await ask(http, http_server.url) == (401, b"no")
    assert len(http_server.requests) == 2
