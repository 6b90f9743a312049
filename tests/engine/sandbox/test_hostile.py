"""Hundreds of sources that look for a way out.

Judged by canaries outside: a secret in the parent's environment, a file, a socket that listens, the processes that there are. What the
sources give is looked at for nothing but the secrets.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Set
from pathlib import Path

import pytest

from engine.sandbox.sandbox import Sandbox
from modules.sdk.context import Language
from tests.engine.sandbox import hostile_javascript, hostile_python

IN_FILE = "canary-of-the-file"
IN_ENVIRONMENT = "canary-of-the-environment"


def processes_below(parent: int, but_of: Set[int] = frozenset()) -> set[int]:
    """All processes that come from one, by the kernel's list, but for those that come from some others."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found: set[int] = set()
    while more := {pid for pid, above in parents.items() if above in found | {parent}} - found - but_of:
        found |= more
    return found


async def test_nothing_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLSTREAM_MASTER_KEY", IN_ENVIRONMENT)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o777 if folder == tmp_path else 0o755)
    secret = tmp_path / "secret"
    secret.write_text(IN_FILE)
    secret.chmod(0o666)
    before = secret.stat()
    others = processes_below(os.getpid())
    said: list[str] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        port = listener.getsockname()[1]
        async with Sandbox() as sandbox:

            async def attempt(language: Language, source: str) -> None:
                source = source.replace("SECRET", str(secret)).replace("PORT", str(port))
                answer = await sandbox.run(language, source, {"a": 1}, timeout=2, memory_mb=64)
                said.append(repr(answer))

            sources: list[tuple[Language, str]] = [
                *(("python", each) for each in hostile_python.sources()),
                *(("javascript", each) for each in hostile_javascript.sources()),
            ]
            await asyncio.gather(*(attempt(language, source) for language, source in sources))
            # The launcher and its zygote are all that is left
            assert len(processes_below(os.getpid(), others)) <= 2
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert processes_below(os.getpid(), others) == set()
    assert len(said) == len(sources) >= 400
    told = "\n".join(said)
    assert (IN_FILE in told, IN_ENVIRONMENT in told, "root:x:" in told) == (False, False, False)
    after = secret.stat()
    assert (secret.read_text(), after.st_mtime_ns, after.st_atime_ns) == (
        IN_FILE,
        before.st_mtime_ns,
        before.st_atime_ns,
    )
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]
