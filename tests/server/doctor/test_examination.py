"""What `doctor` says, and what production refuses to start on: each layer spoilt in turn, on real parts."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from db.migrate import migrate
from server.doctor.check import Check
from server.doctor.examination import Unsafe, examine, refuse_unsafe
from server.settings import Settings


@pytest.fixture
async def login_url(database_url: str) -> AsyncIterator[str]:
    """The database as a login without rights reaches it."""
    name, password = f"login_{uuid4().hex}", uuid4().hex
    admin = await asyncpg.connect(database_url)
    await admin.execute(f"create role {name} login password '{password}'")
    await migrate(database_url, login=name)
    place = urlsplit(database_url)
    yield urlunsplit(place._replace(netloc=f"{name}:{password}@{place.hostname}:{place.port}"))
    for role in ("ms_owner", "ms_app", "ms_engine"):
        await admin.execute(f"revoke {role} from {name}")
    await admin.execute(f"drop role {name}")
    await admin.close()


def production(home: Path, url: str | None, **given: object) -> Settings:
    given = {"master_key": base64.b64encode(os.urandom(32)).decode(), **given}
    return Settings(home=home, env="production", database_url=url, port=0, **given)  # type: ignore[arg-type]


def told(found: list[Check], state: str) -> str:
    return "\n".join(check.found for check in found if check.state == state)


async def test_a_login_without_rights_is_safe_and_does_all_that_is_needed(tmp_path: Path, login_url: str) -> None:
    settings = production(tmp_path, login_url)
    await refuse_unsafe(settings)
    found = list(await examine(settings))
    assert told(found, "unsafe") == ""
    assert {check.layer for check in found} >= {"database", "keys", "versions", "disk", "clock", "ports", "egress"}


async def test_a_superuser_is_refused_in_production_and_named_by_doctor(tmp_path: Path, database_url: str) -> None:
    settings = production(tmp_path, database_url)
    with pytest.raises(Unsafe, match=r"'postgres', which is a superuser.*migrate --for"):
        await refuse_unsafe(settings)
    await refuse_unsafe(settings.model_copy(update={"env": "development"}))
    assert "superuser" in told(list(await examine(settings)), "unsafe")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"log_level": "debug"}, "level debug"),
        ({"egress_allow": ("0.0.0.0/0",)}, "every address of the private network"),
        ({"egress_allow": ("10.0.0.0/8", "::/0")}, "every address of the private network"),
        ({"master_key": "00" * 32}, "typed, not made by chance"),
        ({"master_key": base64.b64encode(b"correct horse battery staple 123").decode()}, "typed, not made by chance"),
        ({"database_url": "postgresql://millstream:secret@127.0.0.1:1/m"}, "would try first"),
        ({"database_url": "postgresql://acme:acme@127.0.0.1:1/m"}, "would try first"),
    ],
)
async def test_a_default_secret_or_an_open_door_is_refused(
    tmp_path: Path, given: dict[str, object], reason: str
) -> None:
    url = given.pop("database_url", None)
    with pytest.raises(Unsafe, match=reason):
        await refuse_unsafe(production(tmp_path, str(url) if url else None, **given))


async def test_a_key_file_that_others_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    file.write_text(base64.b64encode(os.urandom(32)).decode())
    file.chmod(0o640)
    settings = production(tmp_path, None, master_key=None)
    with pytest.raises(Unsafe, match=r"others can read the master key.*chmod 600"):
        await refuse_unsafe(settings)
    file.chmod(0o600)
    await refuse_unsafe(settings)


async def test_a_table_that_was_opened_by_hand_is_found(tmp_path: Path, database_url: str, login_url: str) -> None:
    admin = await asyncpg.connect(database_url)
    await admin.execute("alter table workflows no force row level security")
    week = await admin.fetchval(
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'workflow_runs'::regclass limit 1"
    )
    await admin.execute(f"grant select on {week} to ms_app")
    await admin.close()
    found = told(list(await examine(production(tmp_path, login_url))), "unsafe")
    assert "workflows" in found
    assert str(week) in found


async def test_another_master_key_is_broken_not_unsafe(tmp_path: Path, login_url: str) -> None:
    from db.pool import Database
    from db.workspaces import create
    from server.compose import master_key
    from workspace.key_store import DatabaseKeys
    from workspace.keys import Vault

    db = await Database.open(login_url, max_size=1)
    async with db.engine() as connection:
        made = await create(connection, "acme", "Acme")
    assert made is not None
    await Vault(master_key(production(tmp_path, login_url)), DatabaseKeys(db)).bind(made.workspace_id)
    await db.close()
    assert "not the one that this database was set up with" in told(
        list(await examine(production(tmp_path, login_url))), "broken"
    )


async def test_an_old_data_key_and_a_rotation_that_died_are_noted(
    tmp_path: Path, login_url: str, database_url: str
) -> None:
    from db.pool import Database
    from db.workspaces import create
    from server.compose import master_key
    from workspace.key_store import DatabaseKeys
    from workspace.keys import Vault, bound_key

    settings = production(tmp_path, login_url)
    db = await Database.open(login_url, max_size=1)
    async with db.engine() as connection:
        made = await create(connection, "acme", "Acme")
    assert made is not None
    await Vault(master_key(settings), DatabaseKeys(db)).bind(made.workspace_id)
    await db.close()
    assert "data keys of" not in told(list(await examine(settings)), "note")
    admin = await asyncpg.connect(database_url)
    await admin.execute("update workspace_keys set created_at = now() - interval '91 days'")
    assert "such as that of 'acme'" in told(list(await examine(settings)), "note")
    master = master_key(settings).current()
    await admin.execute(
        "insert into workspace_keys (workspace_id, number, master, wrapped, created_at) "
        "values ($1, 2, $2, $3, now() - interval '2 hours')",
        made.workspace_id,
        master.fingerprint,
        master.wrap(os.urandom(32), bound_key(made.workspace_id, 2)),
    )
    await admin.close()
    found = told(list(await examine(settings)), "note")
    assert "older than 90 days" not in found
    assert "may have values under an older one, such as 'acme'" in found


@pytest.mark.slow
def test_a_process_refuses_in_one_sentence(tmp_path: Path) -> None:
    given = {"MILLSTREAM_HOME": str(tmp_path), "MILLSTREAM_ENV": "production", "MILLSTREAM_LOG_LEVEL": "debug"}
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
    for command in ("serve", "worker"):
        ended = subprocess.run(
            [sys.executable, "-m", "server.cli.main", command],
            env=outside | given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 3
        assert ended.stderr.splitlines()[-1].startswith(
            "error: this is not safe for production: processes log at level debug"
        )
