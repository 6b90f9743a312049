"""`core.set` gives what it was given."""

from modules.core.set import MODULE


def test_values_pass_through() -> None:
    assert MODULE.pure is not None
    assert MODULE.pure({"values": {"a": [1, None, {"b": "c"}]}}).output == {"a": [1, None, {"b": "c"}]}
