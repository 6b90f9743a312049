"""Another master key for all data keys, while everything works on.

Run again after it died, it goes on where it was: each row is under one key or the other, and both are given until the last row is under the
new one. States and invariants are in `workspace/keys.py`.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from db import keys
from db.pool import Database
from workspace.keys import ROOT, KeyProvider, WrappedKey, bound_key, opened_by

_BATCH = 100


def new_key_text() -> str:
    """A master key as files hold it."""
    return base64.b64encode(os.urandom(32)).decode()


def write_keys(path: Path, texts: Sequence[str]) -> None:
    """Replaces a file of master keys in one step, the key that wraps first. Raises OSError."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write("".join(f"{text}\n" for text in texts))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


async def rewrap_all(db: Database, provider: KeyProvider) -> int:
    """Wraps all that another key wrapped by the current one; how many data keys there were. Raises `WrongMasterKey`, `DatabaseUnavailable`."""
    to, first = provider.current(), provider.oldest()
    async with db.engine() as connection:
        kept = await keys.root(connection)
    if kept is None:
        async with db.engine() as connection:
            await keys.keep_root(connection, keys.RootKey(to.fingerprint, to.wrap(first.root, ROOT)))
    elif kept.master != to.fingerprint:
        plain = opened_by(provider, WrappedKey(0, kept.master, kept.wrapped), ROOT)
        async with db.engine() as connection:
            await keys.rewrap_root(connection, keys.RootKey(to.fingerprint, to.wrap(plain, ROOT)), kept.master)
    done = 0
    while True:
        async with db.engine() as connection:
            found = await keys.of_other_masters(connection, to.fingerprint, _BATCH)
        if not found:
            return done
        for row in found:
            bound = bound_key(row.workspace_id, row.number)
            plain = opened_by(provider, WrappedKey(row.number, row.master, row.wrapped), bound)
            wrapped = replace(row, master=to.fingerprint, wrapped=to.wrap(plain, bound))
            async with db.engine() as connection:
                done += await keys.rewrap(connection, wrapped, row.master)
