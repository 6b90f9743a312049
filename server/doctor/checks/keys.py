"""The master key: whether it is there, is one, is nobody else's, and is the one of this database."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from db import keys
from db.errors import DatabaseUnavailable
from db.pool import Database
from server.compose import master_key
from server.doctor.check import Check
from server.settings import Settings
from workspace.key_store import DatabaseKeys
from workspace.keys import KeyProblem, Vault

_OLD_S = 90 * 86_400.0
_AT_WORK_S = 3600.0
"""A new key that is as old and isn't settled belongs to a rotation that died."""


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
    return [Check("keys", "ok", "the database's data keys open with the master key"), *await _old(db)]


async def _old(db: Database) -> Sequence[Check]:
    """Data keys that have closed things for long, and rotations that somebody began."""
    try:
        async with db.engine() as connection:
            newest = await keys.newest(connection)
    except DatabaseUnavailable:
        return []
    found: list[Check] = []
    old = [one.slug for one in newest if one.age_s > _OLD_S]
    if old:
        told = f"the data keys of {len(old)} workspaces are older than 90 days, such as that of {old[0]!r}"
        found.append(Check("keys", "note", told, "make other ones: millstream keys rotate-data"))
    begun = [one.slug for one in newest if not one.settled and one.age_s > _AT_WORK_S]
    if begun:
        told = (
            f"{len(begun)} workspaces have a new data key, and may have values under an older one, such as {begun[0]!r}"
        )
        found.append(Check("keys", "note", told, "let the rotation end: millstream keys rotate-data"))
    return found


def _missing(settings: Settings) -> bool:
    return settings.master_key is None and not settings.master_key_path.exists()


def _private(file: Path, what: str) -> Check:
    others = stat.S_IMODE(file.stat().st_mode) & 0o077
    if others:
        return Check("keys", "unsafe", f"others can read {what} in {str(file)!r}", f"chmod 600 {file}")
    return Check("keys", "ok", f"{what} in {str(file)!r} is its owner's alone")
