"""The evidence over a running engine."""

from collections.abc import AsyncIterator

import pytest

from db.pool import Database
from tests.copilot.tools.toolbox import Toolbox, open_toolbox
from tests.engine.runs.stack import open_stack


@pytest.fixture
async def box(db: Database, temporal_address: str) -> AsyncIterator[Toolbox]:
    async with open_stack(db, temporal_address) as stack, open_toolbox(stack) as opened:
        yield opened
