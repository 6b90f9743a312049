"""All layers in turn; and the part of it that stands before a start in production.

A start asks only for what makes an installation unsafe, and only what can be told at once: what is broken tells of itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from db.errors import DatabaseUnavailable, WrongDatabase
from db.pool import Database
from server.doctor.check import Check
from server.doctor.checks import carrier, code, configuration, database, keys, machine, models
from server.settings import Settings


class Unsafe(Exception):
    """Production doesn't start so. The message names each reason and what to do about it."""

    def __init__(self, reasons: Sequence[Check]) -> None:
        lines = [f"{check.found}; {check.remedy}" if check.remedy else check.found for check in reasons]
        super().__init__("this is not safe for production: " + " · ".join(lines))


async def examine(settings: Settings) -> Sequence[Check]:
    """Every check, layer by layer. Nothing is changed, and nothing raises."""
    found = [*configuration.check(settings), *keys.check(settings), *await machine.check(settings)]
    found += await _database(settings)
    found += await carrier.check(settings)
    found += await code.check()
    found += await models.check(settings)
    return found


async def refuse_unsafe(settings: Settings) -> None:
    """Raises `Unsafe` in production for what `examine` would call so. A database that isn't there is none of its business."""
    if settings.env != "production":
        return
    found = [*configuration.check(settings), *keys.check(settings), *await _database(settings)]
    reasons = [check for check in found if check.state == "unsafe"]
    if reasons:
        raise Unsafe(reasons)


async def _database(settings: Settings) -> Sequence[Check]:
    if settings.database_url is None:
        return [Check("database", "note", "no database runs for this home", "millstream up")]
    try:
        db = await Database.open(settings.database_url, max_size=1, application="millstream doctor")
    except (DatabaseUnavailable, WrongDatabase) as error:
        return [Check("database", "broken", str(error))]
    try:
        return [*await database.check(db), *await keys.check_against(settings, db)]
    finally:
        await db.close()
