"""A running engine for the tests beside."""

from collections.abc import AsyncIterator

import pytest

from db.pool import Database
from tests.engine.runs.stack import Stack, open_stack


@pytest.fixture
async def stack(db: Database, temporal_address: str) -> AsyncIterator[Stack]:
    async with open_stack(db, temporal_address) as opened:
        yield opened
