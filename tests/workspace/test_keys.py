"""Closed fields open where they were closed, and nowhere else."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db import workspaces
from db.errors import DatabaseUnavailable
from db.pool import Database
from workspace.key_store import DatabaseKeys
from workspace.keys import (
    BadMasterKey,
    LocalKey,
    Place,
    Unreadable,
    Vault,
    WrongMasterKey,
    master_key_from_file,
    master_key_from_text,
)

PLACE = Place("connections", "secret", 1, "7")


@pytest.fixture
async def store(db: Database) -> DatabaseKeys:
    async with db.engine() as connection:
        for slug in ("one", "two"):
            await workspaces.create(connection, slug, slug)
    return DatabaseKeys(db)


async def test_a_field_opens_only_in_its_place(store: DatabaseKeys) -> None:
    vault = Vault(LocalKey(b"k" * 32), store)
    closed = await vault.encrypt(PLACE, b"hello")
    assert b"hello" not in closed
    assert await vault.decrypt(PLACE, closed) == b"hello"
    for elsewhere in (
        Place("variables", "secret", 1, "7"),
        Place("connections", "other", 1, "7"),
        Place("connections", "secret", 1, "8"),
        Place("connections", "secret", 2, "7"),
    ):
        with pytest.raises(Unreadable):
            await vault.decrypt(elsewhere, closed)


async def test_a_change_of_any_byte_is_noticed(store: DatabaseKeys) -> None:
    vault = Vault(LocalKey(b"k" * 32), store)
    closed = await vault.encrypt(PLACE, b"hello")
    for at in range(len(closed)):
        changed = bytearray(closed)
        changed[at] ^= 1
        with pytest.raises(Unreadable):
            await vault.decrypt(PLACE, bytes(changed))
    with pytest.raises(Unreadable):
        await vault.decrypt(PLACE, b"")


async def test_two_processes_that_begin_at_once_end_up_with_one_key(store: DatabaseKeys) -> None:
    vaults = [Vault(LocalKey(b"k" * 32), store) for _ in range(6)]
    closed = await asyncio.gather(*(vault.encrypt(PLACE, b"x") for vault in vaults))
    assert len(await store.wrapped_keys(1)) == 1
    for field in closed:
        assert await Vault(LocalKey(b"k" * 32), store).decrypt(PLACE, field) == b"x"


async def test_without_the_database_the_known_key_closes_for_a_while(store: DatabaseKeys, database_url: str) -> None:
    gone = await Database.open(database_url, max_size=1)
    patient = Vault(LocalKey(b"k" * 32), DatabaseKeys(gone), fresh_s=0)
    strict = Vault(LocalKey(b"k" * 32), DatabaseKeys(gone), fresh_s=0, stale_s=0)
    for vault in (patient, strict):
        await vault.encrypt(PLACE, b"x")
    await gone.close()
    for _ in range(3):
        closed = await patient.encrypt(PLACE, b"x")
    assert await strict.decrypt(PLACE, closed) == b"x"
    with pytest.raises(DatabaseUnavailable):
        await strict.encrypt(PLACE, b"x")


async def test_another_master_key_is_told_at_start(store: DatabaseKeys) -> None:
    first = Vault(LocalKey(b"k" * 32), store)
    await first.check()  # nothing there yet
    closed = await first.encrypt(PLACE, b"x")
    await first.check()
    other = Vault(LocalKey(b"o" * 32), store)
    with pytest.raises(WrongMasterKey, match="MILLSTREAM_MASTER_KEY"):
        await other.check()
    with pytest.raises(WrongMasterKey):
        await other.decrypt(PLACE, closed)


def test_a_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "home" / "master.key"
    made = master_key_from_file(path, create=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert master_key_from_file(path, create=True).fingerprint == made.fingerprint


@pytest.mark.parametrize("text", ["", "short", "zz" * 32, base64.b64encode(b"x" * 31).decode(), "ü" * 32])
def test_what_is_no_key_is_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadMasterKey, match="32 bytes"):
        master_key_from_text(text)
    with pytest.raises(BadMasterKey, match="no master key file"):
        master_key_from_file(tmp_path / "missing", create=False)


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_read_in_either_spelling(raw: bytes) -> None:
    spelled = {
        master_key_from_text(text).fingerprint
        for text in (raw.hex(), base64.b64encode(raw).decode(), f" {raw.hex()}\n")
    }
    assert spelled == {LocalKey(raw).fingerprint}


def test_derived_secrets_are_each_their_own() -> None:
    key = LocalKey(os.urandom(32))
    secrets = {
        key.derive("resume", b"a"),
        key.derive("resume", b"b"),
        key.derive("resume", b"a", b""),
        key.derive("resumea"),
        key.derive("wrap"),
    }
    assert len(secrets) == 5
