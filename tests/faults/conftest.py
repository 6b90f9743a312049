"""One stack for the tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.stand import Stand, open_stand


@pytest.fixture(scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    home: Path = tmp_path_factory.mktemp("faults") / "a home"
    async with open_stand(home) as opened:
        yield opened
