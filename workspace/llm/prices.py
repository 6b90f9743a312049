"""What a call cost: the workspace's own price of the model, else the one that comes with the product (`genai-prices`), else nobody knows.

Prices that come with the product hold for the providers that they are of, known by the address: the same model's name at another server
says nothing about what that takes. An unknown price is None, never 0.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlsplit

from db import llm_settings
from db.ids import WorkspaceId
from db.llm_settings import Price
from db.pool import Database
from workspace.llm.asking import Usage

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Cost:
    """In US dollars. `source`: `workspace` or `genai-prices`; `version`: when the price was set, or the package's."""

    usd: Decimal
    source: str
    version: str


async def cost_of(
    db: Database, workspace_id: WorkspaceId, base_url: str, models: tuple[str | None, ...], usage: Usage
) -> Cost | None:
    """Of a call of one of `models`, names of the same one in the order of their weight. None where it isn't known."""
    if usage.input is None or usage.output is None:
        return None
    names = [name for name in dict.fromkeys(models) if name]
    async with db.engine(workspace_id) as connection:
        for name in names:
            own = await llm_settings.price(connection, workspace_id, name)
            if own is not None:
                return Cost(by_price(own, usage), "workspace", own.updated_at.isoformat())
    if not _may_be_known(base_url):
        return None
    return await asyncio.to_thread(_by_package, base_url, names, usage)


def by_price(price: Price, usage: Usage) -> Decimal:
    read, written = usage.cache_read or 0, usage.cache_write or 0
    fresh = max(0, (usage.input or 0) - read - written)
    together = (
        fresh * price.input_usd
        + read * (price.input_usd if price.cache_read_usd is None else price.cache_read_usd)
        + written * (price.input_usd if price.cache_write_usd is None else price.cache_write_usd)
        + (usage.output or 0) * price.output_usd
    )
    return together / _MILLION


async def provider_of(base_url: str) -> str | None:
    """Whose server it is, where that is known."""
    if not _may_be_known(base_url):
        return None
    return await asyncio.to_thread(_provider, base_url)


def _may_be_known(base_url: str) -> bool:
    """Providers have names with dots: for a server of one's own the package's data, which takes a while to load, isn't needed."""
    host = urlsplit(base_url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." in host
    return False


def _provider(base_url: str) -> str | None:
    # Here, since its data takes longer to load than the rest of the product.
    from genai_prices.data_snapshot import get_snapshot

    try:
        return str(get_snapshot().find_provider(None, None, base_url).id)
    except LookupError:
        return None


def _by_package(base_url: str, names: list[str], usage: Usage) -> Cost | None:
    from genai_prices import Usage as Counted
    from genai_prices import __version__, calc_price

    for name in names:
        try:
            found = calc_price(
                Counted(
                    input_tokens=usage.input,
                    output_tokens=usage.output,
                    cache_read_tokens=usage.cache_read,
                    cache_write_tokens=usage.cache_write,
                ),
                model_ref=name,
                provider_api_url=base_url,
            )
        except (LookupError, ValueError):
            continue
        return Cost(found.total_price, "genai-prices", __version__)
    return None
