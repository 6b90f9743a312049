"""`db/schema.sql` is what the migrations build. Write it anew with `python -m tests.db.write_schema`."""

from pathlib import Path

from tests.db.write_schema import SCHEMA, dump


async def test_the_schema_file_is_what_the_migrations_build(database_url: str) -> None:
    assert Path(SCHEMA).read_text(encoding="utf-8") == await dump(database_url)
