"""PostgreSQL's programs and data where the folders above them are closed to its user."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.embedded import account as accounts
from server.embedded.account import Account, installed_programs, programs_for, reachable
from server.embedded.postgres import EmbeddedPostgres, PostgresPlace

NOBODY = Account("nobody", 65534, 65534)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another user")


@pytest.mark.parametrize(
    ("folder", "file", "reaches"),
    [(0o755, 0o644, True), (0o711, 0o644, True), (0o710, 0o644, False), (0o755, 0o640, False), (0o700, 0o777, False)],
)
def test_a_file_is_reachable_when_it_and_every_folder_above_allow_it(folder: int, file: int, reaches: bool) -> None:
    place = Path("/var/tmp") / f"millstream-test-{os.getpid()}"
    place.mkdir()
    try:
        (place / "file").touch()
        (place / "file").chmod(file)
        place.chmod(folder)
        assert reachable(place / "file", NOBODY) is reaches
    finally:
        place.chmod(0o700)
        (place / "file").unlink()
        place.rmdir()


@as_root
def test_owner_and_group_count_before_the_rest(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    own = Account("owner", 4242, 4243)
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o044)
    os.chown(tmp_path / "file", own.uid, 0)
    assert not reachable(tmp_path / "file", own)


def test_programs_that_are_reachable_are_used_where_they_are() -> None:
    assert programs_for(None) == installed_programs()


@as_root
def test_programs_that_are_not_reachable_are_copied_once_and_run_as_the_account(tmp_path: Path) -> None:
    account = accounts.unprivileged_account()
    assert account is not None
    copies = Path("/var/tmp") / f"millstream-test-{os.getpid()}"
    try:
        made = accounts.copied(installed_programs(), copies)
        before = made.parent.parent.stat()
        assert accounts.copied(installed_programs(), copies) == made
        assert made.parent.parent.stat() == before
        assert all(
            path.stat().st_uid == 0 and not path.stat().st_mode & 0o022 for path in (made, made / "bin" / "postgres")
        )
        done = subprocess.run(
            [made / "bin" / "initdb", "--version"],
            user=account.name,
            group=account.gid,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith("initdb (PostgreSQL) 18")
    finally:
        subprocess.run(["rm", "-rf", str(copies)], check=True)


async def test_the_data_may_lie_in_a_folder_that_is_closed_to_all_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed" / "a home"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    server = EmbeddedPostgres(PostgresPlace.under(closed), throwaway=True)
    child = await server.start()
    await server.stop(child)
    assert closed.parent.stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:
        assert (closed / "postgres" / "data").stat().st_uid != 0
        assert closed.stat().st_uid == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_the_launcher_keeps_pid_and_environment_and_dies_with_its_parent(tmp_path: Path) -> None:
    launch = Path(accounts.__file__).with_name("launch.py")
    code = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-I', '-S', sys.argv[1], str(os.getpid()), '9', '', sys.executable, '-c',\n"
        "  'import os, signal; print(os.getpid(), os.environ[\"A\"], flush=True); signal.pause()'], env={'A': 'kept'})\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(launch)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        told = sorted(parent.stdout.readline().split() for _ in range(2))
        assert told == [[told[0][0]], [told[0][0], "kept"]]
        parent.kill()
        assert parent.stdout.read() == ""  # at its end only when the child, which has it too, is gone
