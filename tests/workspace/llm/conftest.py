from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.pool import Database
from tests.fixtures.model_server import ModelServer
from tests.workspace.llm.stand import Stand, stand_on


@pytest.fixture
async def stand(db: Database, model_server: ModelServer) -> AsyncIterator[Stand]:
    async with stand_on(db, model_server) as made:
        yield made
