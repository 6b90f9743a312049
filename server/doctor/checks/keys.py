"""The master key: whether it is there, is one, is nobody else's, and is the one of this database."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from db.errors import DatabaseUnavailable
from db.pool import Database
from server.compose import master_key
from server.doctor.check import Check
from server.settings import Settings
from workspace.key_store import DatabaseKeys
from workspace.keys import KeyProblem, Vault


def check(settings: Settings) -> Sequence[Check]:
    """What can be told without the database."""
    if _missing(settings):
        return [
            Check(
                "keys",
                "note",
                f"there is no master key at {str(settings.master_key_path)!r} yet: the first start makes it",
            )
        ]
    try:
        key = master_key(settings).current()
    except KeyProblem as error:
        return [
            Check("keys", "broken", str(error).rstrip("."), "put the original key back: without it no secret opens")
        ]
    found: list[Check] = []
    if not key.made_by_chance:
        found.append(
            Check(
                "keys",
                "unsafe",
                "the master key is one that was typed, not made by chance",
                "make one: openssl rand -base64 32",
            )
        )
    if settings.master_key is None:
        found.append(_private(settings.master_key_path, "the master key"))
    if settings.api_key_path.exists():
        found.append(_private(settings.api_key_path, "the first API key"))
    return found or [Check("keys", "ok", "the master key comes by the environment")]


async def check_against(settings: Settings, db: Database) -> Sequence[Check]:
    """Whether the database's keys open with it."""
    if _missing(settings):
        return []
    try:
        await Vault(master_key(settings), DatabaseKeys(db)).check()
    except KeyProblem as error:
        return [Check("keys", "broken", str(error).rstrip("."))]
    except DatabaseUnavailable:
        return []
    return [Check("keys", "ok", "the database's data keys open with the master key")]


def _missing(settings: Settings) -> bool:
    return settings.master_key is None and not settings.master_key_path.exists()


def _private(file: Path, what: str) -> Check:
    others = stat.S_IMODE(file.stat().st_mode) & 0o077
    if others:
        return Check("keys", "unsafe", f"others can read {what} in {str(file)!r}", f"chmod 600 {file}")
    return Check("keys", "ok", f"{what} in {str(file)!r} is its owner's alone")
