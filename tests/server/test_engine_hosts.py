"""Which servers are the installation's own."""

from __future__ import annotations

import pytest

from server.engine_hosts import engine_hosts
from server.settings import Settings


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql://u:p@DB.internal:6543/x", [("db.internal", 6543)]),
        ("postgresql://u:p%40@db.internal/x?sslmode=require", [("db.internal", 5432)]),
        ("postgresql://u@[::1]:5433/x", [("::1", 5433)]),
        ("postgresql://u@a:1,b,c:3/x", [("a", 1), ("b", 5432), ("c", 3)]),
        ("postgresql:///x?host=a,b&port=1,2&user=u", [("a", 1), ("b", 2)]),
        ("postgresql:///x?host=a,b&port=7", [("a", 7), ("b", 7)]),
        ("postgresql:///x?host=/run/postgresql", []),
    ],
)
def test_the_database(url: str, found: list[tuple[str, int]]) -> None:
    assert [(each.host, each.port) for each in engine_hosts(Settings(database_url=url))] == found


def test_temporal() -> None:
    [only] = engine_hosts(Settings(temporal_address="temporal.internal:7233"))
    assert (only.host, only.port) == ("temporal.internal", 7233)
