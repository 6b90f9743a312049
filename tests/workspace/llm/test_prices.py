"""Prices: the product's own for providers that it knows by address, and no guess for anybody else."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.llm_settings import Price
from db.pool import Database
from tests.workspace.llm.stand import workspace_of
from workspace.llm.asking import Usage
from workspace.llm.prices import by_price, cost_of, provider_of

OPENAI = "https://api.openai.com/v1"


async def test_known_providers_have_prices(db: Database) -> None:
    ws = await workspace_of(db)
    cost = await cost_of(db, ws, OPENAI, ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"), Usage(1_000_000, 1_000_000))
    assert cost is not None
    assert cost.usd > 0
    assert cost.source == "genai-prices"
    assert cost.version
    assert await provider_of(OPENAI) == "openai"


@pytest.mark.parametrize(
    ("base_url", "model", "usage"),
    [
        (OPENAI, "no-such-model-of-theirs", Usage(10, 10)),
        (OPENAI, "gpt-4o-mini", Usage(None, 10)),
        (OPENAI, "gpt-4o-mini", Usage(10, 10, cache_read=20)),
        ("https://models.example/v1", "gpt-4o-mini", Usage(10, 10)),
        ("http://127.0.0.1:8000/v1", "gpt-4o-mini", Usage(10, 10)),
    ],
)
async def test_what_nobody_knows_is_nothing(db: Database, base_url: str, model: str, usage: Usage) -> None:
    assert await cost_of(db, await workspace_of(db), base_url, (model,), usage) is None
    if base_url != OPENAI:
        assert await provider_of(base_url) is None


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.decimals(0, 1000, places=4),
    st.decimals(0, 1000, places=4),
)
def test_a_price_is_exact(
    fresh: int, output: int, read: int, written: int, input_usd: Decimal, output_usd: Decimal
) -> None:
    price = Price("m", input_usd, output_usd, None, None, datetime.now(UTC))
    usage = Usage(fresh + read + written, output, read, written)
    expected = ((fresh + read + written) * input_usd + output * output_usd) / 1_000_000
    assert by_price(price, usage) == expected
    cheaper = Price("m", input_usd, output_usd, input_usd / 2, input_usd, datetime.now(UTC))
    assert by_price(cheaper, usage) == expected - read * input_usd / 2 / 1_000_000
