"""The load of app queues in small: the same promises, judged in the same way."""

from chaos.scale.queues import Load, order, poison


async def test_order_holds_and_nothing_is_lost_or_doubled(database_url: str) -> None:
    figures = await order(
        database_url, Load(items=2_000, seed=7, producers=12, claimers=4, keys=50, batch_size=20, lost_claims=0.05)
    )
    assert figures.sound, figures
    assert figures.lost_claims > 0


async def test_one_lane_that_everybody_adds_to_keeps_its_order(database_url: str) -> None:
    figures = await order(
        database_url, Load(items=800, seed=8, producers=8, claimers=3, keys=1, batch_size=80, failing=0.1)
    )
    assert figures.sound, figures


async def test_halving_finds_exactly_the_poison(database_url: str) -> None:
    figures = await poison(database_url, Load(items=1_000, seed=9))
    assert figures.sound, figures
