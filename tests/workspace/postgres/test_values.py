"""What goes to a real server and comes back."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modules.sdk.json import Json
from modules.sdk.verdicts import ModuleError
from tests.workspace.postgres.server import server_of
from workspace.egress.guard import Guard
from workspace.egress.policy import make_policy
from workspace.postgres.pools import PooledSql, PoolKey, Pools


@pytest.fixture(scope="module")
async def sql(postgres_url: str) -> AsyncIterator[PooledSql]:
    guard = Guard(make_policy(["127.0.0.1"]))
    pools = Pools(guard)
    yield pools.of(PoolKey((1, "values", "1")), server_of(postgres_url))
    await pools.close()
    guard.close()


async def value(sql: PooledSql, text: str, *params: Json) -> Json:
    result = await sql.query(text, params, mode="one", read_only=True, timeout=10, max_rows=10)
    [row] = result.rows
    return row["v"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("null", None),
        ("true", True),
        ("9223372036854775807::int8", 2**63 - 1),
        ("'NaN'::float8", "NaN"),
        ("'-Infinity'::float8", "-Infinity"),
        ("12.50::numeric", 12.5),
        ("12.00::numeric", 12),
        ("0.1::numeric", 0.1),
        ("12345678901234567890.123::numeric", "12345678901234567890.123"),
        ("0.12345678901234567890::numeric", "0.12345678901234567890"),
        ("1e400::numeric", "1" + "0" * 400),
        ("'NaN'::numeric", "NaN"),
        ("'Infinity'::numeric", "Infinity"),
        ("'2026-01-02 03:04:05.25+02'::timestamptz", "2026-01-02T01:04:05.250000Z"),
        ("'2026-01-02 03:04:05'::timestamp", "2026-01-02T03:04:05"),
        ("'2026-01-02'::date", "2026-01-02"),
        ("'infinity'::timestamptz", "infinity"),
        ("'-infinity'::date", "-infinity"),
        ("'03:04:05'::time", "03:04:05"),
        ("'03:04:05+02'::timetz", "03:04:05+02:00"),
        ("'1 year 2 mons 3 days 04:05:06'::interval", "P1Y2M3DT4H5M6S"),
        ("'\\x00ff'::bytea", "AP8="),
        ("'{\"a\": [1, null]}'::jsonb", {"a": [1, None]}),
        ("'\"x\"'::json", "x"),
        ("array['{\"a\": 1}'::jsonb]", [{"a": 1}]),
        ("array[[1,2],[3,null]]", [[1, 2], [3, None]]),
        ("'6e3b2ac0-0000-4000-8000-000000000000'::uuid", "6e3b2ac0-0000-4000-8000-000000000000"),
        ("'10.0.0.0/8'::cidr", "10.0.0.0/8"),
        ("'10.0.0.1'::inet", "10.0.0.1"),
        ("int4range(1, 5)", {"lower": 1, "upper": 5, "lower_inc": True, "upper_inc": False, "empty": False}),
        ("row(1, 'a')", None),
        ("'a b'::tsvector", "'a' 'b'"),
        ("'12.30'::money", "$12.30"),
        ("b'101'", "101"),
        ("'(1,2)'::point", [1.0, 2.0]),
        ("'[(1,2),(3,4)]'::path", [[1.0, 2.0], [3.0, 4.0]]),
        ("'<(1,2),3>'::circle", [[1.0, 2.0], 3.0]),
        ("'x'::char(3)", "x  "),
        ("42::oid", 42),
        ("'pg_class'::regclass", "pg_class"),
        ("'{\"big\": 123456789012345678901234567890}'::jsonb", '{"big": 123456789012345678901234567890}'),
    ],
)
async def test_each_type_has_a_form_in_json(sql: PooledSql, expression: str, expected: Json) -> None:
    found = await value(sql, f"select {expression} as v")
    if expression.startswith("row("):
        assert list(found.values() if isinstance(found, dict) else found or []) == [1, "a"]
    else:
        assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("given_", "type_", "back"),
    [
        (7, "int4", 7),
        ("7", "int8", 7),
        (7.0, "int2", 7),
        ("12345678901234567890.123", "numeric", "12345678901234567890.123"),
        (0.1, "numeric", 0.1),
        (7, "text", "7"),
        (True, "text", "true"),
        ({"a": 1}, "text", '{"a":1}'),
        ({"a": [None]}, "jsonb", {"a": [None]}),
        ("x", "jsonb", "x"),
        ([1, 2], "json", [1, 2]),
        (None, "jsonb", None),
        ("2026-01-02T03:04:05Z", "timestamptz", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05+02:00", "timestamp", "2026-01-02T01:04:05"),
        ("2026-01-02", "date", "2026-01-02"),
        ("infinity", "timestamptz", "infinity"),
        ("-infinity", "timestamp", "-infinity"),
        ("infinity", "date", "infinity"),
        ("03:04", "time", "03:04:00"),
        ("P1M", "interval", "P1M"),
        (90, "interval", "PT1M30S"),
        ("AP8=", "bytea", "AP8="),
        ([1, None], "int4[]", [1, None]),
        ([[1], [2]], "int4[]", [[1], [2]]),
        (["a", {"b": 1}], "jsonb[]", ["a", {"b": 1}]),
        ("[1,5)", "int4range", None),
        ("10.0.0.1", "inet", "10.0.0.1"),
        ("6e3b2ac0-0000-4000-8000-000000000000", "uuid", "6e3b2ac0-0000-4000-8000-000000000000"),
    ],
)
async def test_a_parameter_is_read_by_the_type_that_the_server_wants(
    sql: PooledSql, given_: Json, type_: str, back: Json
) -> None:
    if type_ == "int4range":
        with pytest.raises(ModuleError):
            await value(sql, f"select $1::{type_} as v", given_)
        assert await value(sql, "select upper($1::text::int4range) as v", given_) == 5
    else:
        assert await value(sql, f"select $1::{type_} as v", given_) == back


@pytest.mark.parametrize(
    ("given_", "type_"),
    [
        ("abc-secret", "int4"),
        (True, "int4"),
        (1.5, "int8"),
        (2**40, "int4"),
        ("x", "bool"),
        ("not base64!", "bytea"),
        ("yesterday", "timestamptz"),
        (5, "date"),
        ("no-uuid", "uuid"),
        ({"a": 1}, "int4[]"),
        (["a"], "int4[]"),
        ("x\0y", "text"),
        ([[1], [2, 3]], "int4[]"),
        ("\ud800", "text"),
        ({"a": "\0"}, "jsonb"),
        ("soon", "interval"),
        ([1], "float8"),
    ],
)
async def test_a_parameter_that_does_not_fit_is_told_by_its_number(sql: PooledSql, given_: Json, type_: str) -> None:
    with pytest.raises(ModuleError) as caught:
        await value(sql, f"select $1::{type_} as v", given_)
    assert caught.value.code == "input.invalid" or caught.value.code.startswith("postgres.22")
    assert caught.value.retryable is not True
    assert await value(sql, "select 1 as v") == 1


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_json_comes_back_from_json(sql: PooledSql, data: Json) -> None:
    assert await value(sql, "select $1::json as v", data) == data


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_digit_of_a_numeric_is_lost(sql: PooledSql, number: object) -> None:
    back = await value(sql, "select $1::numeric as v", format(number, "f"))
    assert (
        await value(
            sql,
            "select $1::numeric = $2::numeric as v",
            format(number, "f"),
            back if isinstance(back, str) else repr(back),
        )
        is True
    )
    assert not isinstance(back, float) or math.isfinite(back)
