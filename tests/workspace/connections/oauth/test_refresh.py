"""Tokens are renewed once, by whoever it may be, and none is lost: against a provider whose refresh tokens are good for one use."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from db import connection_tokens
from db.pool import Database
from modules.sdk.verdicts import ModuleError
from tests.fixtures.oauth_provider import OAuthProvider
from tests.workspace.connections.stand import Stand, opened

WORKER = Path(__file__).parents[1] / "worker.py"
HOUR = 3600.0


async def granted(provider: OAuthProvider, kind: str = "refresh_token") -> int:
    counts = await provider.counts()
    assert counts["refused"] == {}
    return counts["granted"].get(kind, 0)


@pytest.mark.slow
@pytest.mark.parametrize("age", [pytest.param(HOUR + 1, id="ended"), pytest.param(HOUR - 200, id="due")])
async def test_fifty_workers_of_five_processes_renew_once_for_each_expiry(
    stand: Stand, database_url: str, oauth_provider: OAuthProvider, age: float
) -> None:
    await stand.consented(oauth_provider)
    await oauth_provider.set(ttl=3600, slow=200)
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))}
    expiries = 2
    for expiry in range(1, expiries + 1):
        await stand.age(seconds=age)
        processes = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, str(WORKER), database_url, "10"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environment,
            )
            for _ in range(5)
        ]
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        done = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
        versions = {version for out, _ in done for version in json.loads(out)[0]}
        tokens = {token for out, _ in done for token in json.loads(out)[1]}
        assert await granted(oauth_provider) == expiry
        row = await stand.row()
        assert (row.state, row.token_version) == ("ok", 1 + expiry)
        # Whoever came while the old one was still good may have used it.
        assert versions <= ({1 + expiry} if age > HOUR else {expiry, 1 + expiry})
        assert len(tokens) == len(versions)
    assert (await oauth_provider.counts())["me"] == 0


async def test_a_token_is_renewed_in_time_and_used_while_it_lasts(stand: Stand, oauth_provider: OAuthProvider) -> None:
    await stand.consented(oauth_provider)
    first = await stand.open()
    assert await granted(oauth_provider) == 0
    await stand.age(seconds=HOUR - 250)  # some minutes are left
    again = await stand.open()
    assert again.tokens == first.tokens, "nobody waits for a token while there is a good one"
    await stand.refresher.close()
    assert await granted(oauth_provider) == 1
    renewed = await stand.open()
    assert renewed.tokens is not None
    assert renewed.tokens.version == 2
    assert renewed.tokens.access_token in stand.learned


async def test_a_provider_that_is_down_stops_nothing_before_the_token_ends(
    stand: Stand, oauth_provider: OAuthProvider
) -> None:
    await stand.consented(oauth_provider)
    await oauth_provider.set(down=True)
    await stand.age(seconds=HOUR - 10)  # so little is left that one waits for others
    still = await stand.open()
    assert still.tokens is not None
    assert still.tokens.version == 1
    await stand.age(seconds=20)
    with pytest.raises(ModuleError) as failed:
        await stand.open()
    assert (failed.value.code, failed.value.retryable) == ("connection.refresh", True)
    assert (await stand.row()).state == "ok", "what may pass changes nothing"
    await oauth_provider.set(down=False)
    async with stand.db.tenant(stand.workspace_id) as db:
        await db.script("update connections set rest_until = null")
    assert (await stand.open()).tokens is not None


async def test_a_withdrawn_consent_needs_a_person_and_a_new_one_mends_it(
    stand: Stand, oauth_provider: OAuthProvider
) -> None:
    await stand.consented(oauth_provider)
    await oauth_provider.withdraw()
    await stand.age(seconds=HOUR + 1)
    for _ in range(2):
        with pytest.raises(ModuleError) as failed:
            await stand.open()
        assert (failed.value.code, failed.value.retryable) == ("connection.needs_reauth", False)
    assert (await oauth_provider.counts())["refused"] == {"invalid_grant": 1}, "nobody asks again in vain"
    row = await stand.row()
    assert (row.state, row.tokens) == ("needs_reauth", None)
    address = await stand.faces.authorize(stand.workspace_id, None, "crm")
    back = await oauth_provider.consent(str(address["url"]))
    from workspace.connections.oauth.consent import Answer

    await stand.consents.end(Answer(back["state"], back["code"], None, back["iss"]))
    assert (await stand.open()).tokens is not None
    assert (await stand.row()).reason is None


async def test_a_refusal_counts_for_nothing_once_somebody_else_was_served(
    stand: Stand, oauth_provider: OAuthProvider
) -> None:
    """A process that stood still for longer than its lease, and comes back with a refusal for a token that was used meanwhile."""
    await stand.consented(oauth_provider)
    await stand.age(seconds=HOUR + 1)
    late = await stand.row()
    async with stand.db.single() as db:
        epoch = await connection_tokens.lease(db, late, 0.0)
        assert epoch is not None
    renewed = await stand.open()
    async with stand.db.single() as db:
        assert not await connection_tokens.refuse(db, late, epoch, "invalid", forget=True)
    again = await stand.open()
    assert again.tokens is not None
    assert renewed.tokens is not None
    assert again.tokens.version == renewed.tokens.version == 2
    assert await granted(oauth_provider) == 1


async def test_whoever_holds_the_lease_is_alone_until_it_is_over(stand: Stand, oauth_provider: OAuthProvider) -> None:
    """A process that died with the lease: the next one takes over when the lease is over."""
    await stand.consented(oauth_provider)
    await stand.age(seconds=HOUR + 1)
    row = await stand.row()
    async with stand.db.single() as db:
        assert await connection_tokens.lease(db, row, 600.0) is not None
        assert await connection_tokens.lease(db, row, 600.0) is None
    waiting = asyncio.create_task(stand.open())
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    async with stand.db.tenant(stand.workspace_id) as db:
        await db.script("update connections set lease_until = now() - interval '1 s'")
    opened_now = await waiting
    assert opened_now.tokens is not None
    assert await granted(oauth_provider) == 1


async def test_a_caller_who_gives_up_loses_no_token(stand: Stand, db: Database, oauth_provider: OAuthProvider) -> None:
    await stand.consented(oauth_provider)
    await oauth_provider.set(ttl=3600, slow=300)
    await stand.age(seconds=HOUR + 1)
    async with opened(db) as other:
        gone = asyncio.create_task(other.open())
        await asyncio.wait([gone], timeout=0.1)
        gone.cancel()
    assert (await stand.row()).token_version == 2, "the process ended when its answer was kept"
    assert (await stand.open()).tokens is not None
    assert await granted(oauth_provider) == 1


async def test_a_client_gets_tokens_by_itself(stand: Stand, oauth_provider: OAuthProvider) -> None:
    config = {
        "grant": "client_credentials",
        "base_url": oauth_provider.url,
        "test_url": "/api/me",
        "token_url": f"{oauth_provider.url}/token",
        "client_id": oauth_provider.client_id,
        "scopes": ["api:read"],
    }
    made = await stand.create("own", "oauth2", config=config, secret={"client_secret": oauth_provider.client_secret})
    assert made["state"] == "ok"
    assert (await stand.faces.test(stand.workspace_id, "editor", "own"))["ok"] is True
    await asyncio.gather(*(stand.open("own") for _ in range(10)))
    assert await granted(oauth_provider, "client_credentials") == 1
    await stand.age("own", seconds=HOUR + 1)
    await asyncio.gather(*(stand.open("own") for _ in range(10)))
    assert await granted(oauth_provider, "client_credentials") == 2


async def test_a_wrong_client_secret_is_mended_without_a_new_consent(
    stand: Stand, oauth_provider: OAuthProvider
) -> None:
    await stand.consented(oauth_provider)
    await stand.faces.change(stand.workspace_id, "crm", {"secret": {"client_secret": "another"}})
    await stand.age(seconds=HOUR + 1)
    with pytest.raises(ModuleError) as failed:
        await stand.open()
    assert failed.value.code == "connection.needs_reauth"
    changed = await stand.faces.change(
        stand.workspace_id, "crm", {"secret": {"client_secret": oauth_provider.client_secret}}
    )
    assert changed["state"] == "ok"
    assert (await stand.open()).tokens is not None
