from hypothesis import given
from hypothesis import strategies as st

from engine.expressions.nearest import nearest, suggestion


def test_nearest() -> None:
    assert nearest("amuont", ["account", "amount", "lines"]) == "amount"
    assert nearest("AMOUNT", ["lines", "amount"]) == "amount"
    assert nearest("zzz", ["amount"]) is None
    assert nearest("", ["a"]) is None
    assert nearest("a", []) is None
    assert nearest("x" * 5000, ["x" * 5000]) is None


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=6), st.randoms())
def test_it_does_not_depend_on_the_order(name: str, names: list[str], shuffled: object) -> None:
    other = list(names)
    shuffled.shuffle(other)  # type: ignore[attr-defined]
    found = nearest(name, names)
    assert found == nearest(name, other)
    assert found is None or found in names


def test_did_you_mean() -> None:
    assert suggestion("amuont", ["account", "amount"]) == " Did you mean 'amount'?"
    assert suggestion("zzz", ["amount"]) == ""
