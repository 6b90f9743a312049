"""JSON for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from modules.sdk.json import Json

TEXTS = st.text(max_size=12)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS: st.SearchStrategy[Json] = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=15
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=5)
