"""The wall by itself: Python without any policy, with all that it has, behind the layers that a child puts up. Judged from outside."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
HOST = """
import ctypes, json, os, signal, socket, subprocess, sys, threading, multiprocessing, mmap
from engine.sandbox.inside import kernel, seccomp, wall
from engine.sandbox.inside.zygote import _mapped
secret, port, tries = sys.argv[1], int(sys.argv[2]), json.loads(sys.stdin.read())
here = os.getpid()
libc = ctypes.CDLL(None)
ends = []
for each in tries:
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            wall.only(theirs.fileno())
            wall.limit(wall.limits(2.0, 64 * wall.MIB, _mapped.base))
            wall.no_new_privileges()
            kernel.filter_syscalls(seccomp.program(os.uname().machine))
            try:
                exec(each)
                os.write(0, b"done")
            except BaseException as error:
                os.write(0, type(error).__name__.encode())
        finally:
            os._exit(0)
    theirs.close()
    said = ours.recv(100).decode()
    _, status = os.waitpid(child, 0)
    ends.append([each, said, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0])
print(json.dumps(ends))
""".replace("_mapped.base", "base").replace("secret, port", "base = _mapped()\nsecret, port", 1)
TRIES = [
    "open(secret).read()",
    "os.open(secret, os.O_RDONLY)",
    "open(secret, 'w').write('changed')",
    "os.truncate(secret, 0)",
    "os.unlink(secret)",
    "os.rename(secret, secret + '2')",
    "os.symlink(secret, secret + '3')",
    "os.link(secret, secret + '4')",
    "os.chmod(secret, 0o777)",
    "os.utime(secret, (1, 1))",
    "os.mkdir(secret + '5')",
    "os.mkfifo(secret + '6')",
    "os.listdir('/')",
    "os.chdir('/')",
    "os.chroot('/')",
    "socket.create_connection(('127.0.0.1', port))",
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port))",
    "socket.socket(socket.AF_UNIX)",
    "socket.socketpair()",
    "os.pipe()",
    "os.dup(0)",
    "os.fork()",
    "os.posix_spawn('/bin/sh', ['sh', '-c', 'echo > ' + secret], {})",
    "subprocess.run(['true'])",
    "os.execv('/bin/sh', ['sh', '-c', 'echo > ' + secret])",
    "threading.Thread(target=print).start()",
    "multiprocessing.Process(target=print).start()",
    "os.kill(here, signal.SIGKILL)",
    "os.kill(-1, signal.SIGKILL)",
    "os.setuid(0)",
    "os.setpriority(os.PRIO_PROCESS, 0, -20)",
    "libc.ptrace(16, here, 0, 0); raise SystemExit",
    "libc.syscall(310, here, 0, 0, 0, 0, 0); raise SystemExit",
    "libc.unshare(0x10000000); raise SystemExit",
    "libc.mount(b'none', b'/', 0, 0, 0); raise SystemExit",
    "libc.prctl(22, 0, 0, 0, 0); raise SystemExit",
    "libc.syscall(425, 8, 0); raise SystemExit",
    "libc.syscall(321, 0, 0, 0); raise SystemExit",
    "libc.syscall(319, b'x', 0); raise SystemExit",
    "libc.syscall(0x40000000 + 2, secret.encode(), 0); raise SystemExit",
    "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC).read()",
    "os.write(1, b'x')",
    "os.write(2, b'x')",
    "os.read(1, 1)",
    "os.memfd_create('x')",
    "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1000, 1000))",
    "import wave, zipimport, sqlite3",
    "bytes(10**9)",
]


def test_nothing_gets_through(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    secret.chmod(0o666)
    before = secret.stat()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        done = subprocess.run(
            [sys.executable, "-c", HOST, str(secret), str(listener.getsockname()[1])],
            input=json.dumps(TRIES),
            env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            came: object = listener.accept()
        except BlockingIOError:
            came = None
    assert done.returncode == 0, done.stderr[-2000:]
    ends = json.loads(done.stdout)
    assert [each for each in ends if each[1] in ("done", "SystemExit")] == []
    assert len(ends) == len(TRIES)
    after = secret.stat()
    assert (secret.read_text(), after.st_mtime_ns, after.st_mode) == ("the secret", before.st_mtime_ns, before.st_mode)
    assert (came, [each.name for each in tmp_path.iterdir()]) == (None, ["secret"])
