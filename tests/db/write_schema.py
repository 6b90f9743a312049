"""`db/schema.sql`: the dump of a migrated database, without what differs from day to day. Run it to write the file anew."""

import asyncio
import re
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from server.embedded.account import installed_programs
from server.embedded.postgres import EmbeddedPostgres, PostgresPlace

SCHEMA = Path(__file__).parents[2] / "db" / "schema.sql"
_HEAD = """\
-- What the migrations build, as pg_dump tells it. Weeks of the partitioned tables are left out.
-- Made by `python -m tests.db.write_schema`; a test compares it with the migrations.
"""


async def dump(url: str) -> str:
    """The schema of the database at `url`, normalised: no comments, no session settings, no weeks."""
    place = urlsplit(url)
    process = await asyncio.create_subprocess_exec(
        str(installed_programs() / "bin" / "pg_dump"),
        "--schema-only",
        "--schema=public",
        "--exclude-table=*_2???????",
        "--no-comments",
        f"--dbname={place.path.removeprefix('/')}",
        f"--host={place.hostname}",
        f"--port={place.port}",
        f"--username={place.username}",
        env={"PGPASSWORD": unquote(place.password or ""), "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"pg_dump failed: {err.decode()}")
    kept = [
        line.rstrip()
        for line in out.decode().splitlines()
        if not re.match(r"--|SET |SELECT pg_catalog|\\(un)?restrict|CREATE SCHEMA public|ALTER SCHEMA public", line)
    ]
    return _HEAD + re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).rstrip() + "\n"


async def _write() -> None:
    # Imported here: whoever only compares needs no server.
    from db.migrate import migrate

    with tempfile.TemporaryDirectory(prefix="millstream-schema-") as folder:
        server = EmbeddedPostgres(PostgresPlace.under(Path(folder)), throwaway=True)
        child = await server.start()
        try:
            await migrate(server.url)
            SCHEMA.write_text(await dump(server.url), encoding="utf-8")
        finally:
            await server.stop(child)


if __name__ == "__main__":
    asyncio.run(_write())
