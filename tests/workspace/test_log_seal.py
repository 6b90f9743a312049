"""Data of runs as rows keep it: any value comes back, nothing of a closed one is readable, and only in its own place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import workspaces
from db.ids import WorkspaceId
from db.json import Json, dumps
from db.log_seal import UnreadableData, closed, closed_body, closed_lines, of_run, opened, opened_body, opened_lines
from db.pool import Database
from workspace.key_store import DatabaseKeys
from workspace.keys import LocalKey, Vault
from workspace.log_seal import WorkspaceLogSeal

WS = WorkspaceId(1)
PLACE = of_run(WS, "output", "run")
REF: Json = {"$ref": "0123456789abcdef" * 2, "size": 1, "type": "object"}

texts = st.text(st.characters(exclude_categories=()), max_size=12)
keys = texts | st.sampled_from(["$sealed", "$plain", "$ref", "refs"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@pytest.fixture
async def seal(db: Database) -> WorkspaceLogSeal:
    async with db.engine() as connection:
        assert (await workspaces.create(connection, "acme", "Acme")) is not None
    return WorkspaceLogSeal(db, Vault(LocalKey(b"k" * 32), DatabaseKeys(db)), fresh_s=0)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=values)
async def test_any_value_comes_back_closed_or_not(seal: WorkspaceLogSeal, value: Json) -> None:
    for by in (seal, None):
        assert await opened(seal, PLACE, await closed(by, PLACE, value)) == value
    lines: list[Json] = [value, "line"]
    grown = [*(await closed_lines(seal, PLACE, lines) or []), "plain", *(await closed_lines(seal, PLACE, lines) or [])]  # type: ignore[misc]
    assert await opened_lines(seal, PLACE, grown) == [*lines, "plain", *lines]


async def test_nothing_of_it_is_readable_but_its_references(seal: WorkspaceLogSeal) -> None:
    kept = dumps(await closed(seal, PLACE, {"word": "canary", "large": REF, "odd": {"$ref": "canary"}}))
    assert "canary" not in kept
    assert "0123456789abcdef" in kept
    body = await closed_body(seal, WS, "address", b'"canary"')
    assert b"canary" not in body
    assert await opened_body(seal, WS, "address", body) == b'"canary"'
    assert await opened_body(seal, WS, "address", b'"as it was"') == b'"as it was"'


async def test_moved_to_another_place_it_doesnt_open(seal: WorkspaceLogSeal) -> None:
    kept = await closed(seal, PLACE, "value")
    for elsewhere in (replace(PLACE, row="other"), replace(PLACE, column="error"), replace(PLACE, table="x")):
        with pytest.raises(UnreadableData):
            await opened(seal, elsewhere, kept)
    body = await closed_body(seal, WS, "address", b"1")
    with pytest.raises(UnreadableData):
        await opened_body(seal, WS, "another", body)


async def test_the_setting_is_found_out_and_survives_an_outage(
    seal: WorkspaceLogSeal, db: Database, database_url: str
) -> None:
    assert not await seal.wanted(WS)
    async with db.tenant(WS) as connection:
        changed = await workspaces.change(connection, WS, encrypt_logs=True)
    assert changed is not None
    assert (changed.name, changed.encrypt_logs) == ("Acme", True)
    assert await seal.wanted(WS)
    gone = await Database.open(database_url, max_size=1)
    patient = WorkspaceLogSeal(gone, Vault(LocalKey(b"k" * 32), DatabaseKeys(gone)), fresh_s=0)
    assert await patient.wanted(WS)
    await gone.close()
    assert await patient.wanted(WS)
