"""One database for the many tests that need a queue of their own and no more."""

from collections.abc import AsyncIterator

import pytest

from tests.fixtures.database import fresh_database


@pytest.fixture(scope="session")
async def queues_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """The URL of a migrated database that tests share, each with workspaces of its own."""
    async for url in fresh_database(postgres_url, template_database):
        yield url
