"""Connections of one workspace, for the tests below."""

from collections.abc import AsyncIterator

import pytest

from db.pool import Database
from tests.workspace.connections.stand import Stand, opened


@pytest.fixture
async def stand(db: Database) -> AsyncIterator[Stand]:
    async with opened(db) as made:
        yield made
