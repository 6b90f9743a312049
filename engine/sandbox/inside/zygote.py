"""The fork server: has the interpreters loaded, and forks one child a call.

States of a child: forked → (killed) → ended. The zygote kills at the deadline by its own clock, so that a busy parent delays nothing, and
when it is told to. It answers for what it started: its end, by a closed control socket or a kill, is the end of all children.

It never reads what a call brings: the request goes from the parent to the child, past it. So nothing that a user wrote is parsed here
(which is
why no compiled code is cached), and no call can leave anything behind for the next one.

Before it takes calls it tries the layers with two children: the first must be able to answer and unable to open a file; the second must
be killed when
it asks for a socket. A layer that is needed and doesn't hold ends the matter: it reports and takes no calls.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import time
from dataclasses import dataclass

from engine.sandbox.inside import child, kernel, seccomp, wall
from engine.sandbox.inside.child import Job

_TRIAL_MEMORY = 64
_SHORT = 0.25
"""Seconds after which a child steps back: what takes long holds up neither short calls nor the processes that carry runs."""
_NICE = 10


@dataclass(slots=True)
class _Child:
    call: int
    deadline: float
    steps_back: float | None
    killed: str | None = None


def main(user: str | None, namespaces: str | None, faults: dict[str, str]) -> None:
    """The arguments are why there is no such layer, or None, and why a language is not to be had."""
    if os.uname().machine not in seccomp.MACHINES:
        raise SystemExit(f"no filter of system calls is known for {os.uname().machine}")
    control = socket.socket(fileno=os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    base = _mapped()
    root = _empty_root() if namespaces is None else None
    privileges = _drop_privileges()
    gc.collect()
    gc.freeze()
    zygote = _Zygote(control, base)
    zygote.report(user, namespaces or root, privileges, faults)
    zygote.serve()


class _Zygote:
    def __init__(self, control: socket.socket, base: int) -> None:
        self._control = control
        self._base = base
        self._filter = seccomp.program(os.uname().machine)
        self._children: dict[int, _Child] = {}
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def report(self, user: str | None, namespaces: str | None, privileges: str | None, faults: dict[str, str]) -> None:
        """Tries each layer, and tells. Ends the process where one that is needed doesn't hold."""
        tried = {name: self._trial(name) for name in ("limits", "no_new_privs")}
        tried["seccomp"] = self._trial("seccomp") or self._trial("killed")
        layers = [
            {"name": "rlimits", "needed": True, "why": tried["limits"]},
            {"name": "no_new_privs", "needed": True, "why": tried["no_new_privs"]},
            {"name": "seccomp", "needed": True, "why": tried["seccomp"]},
            {"name": "python", "needed": True, "why": faults.get("python")},
            {"name": "javascript", "needed": True, "why": faults.get("javascript")},
            {"name": "user", "needed": False, "why": user or privileges},
            {"name": "namespaces", "needed": False, "why": namespaces},
        ]
        self._tell({"layers": layers})
        if any(layer["needed"] and layer["why"] for layer in layers):
            raise SystemExit(0)

    def serve(self) -> None:
        ready = select.poll()
        ready.register(self._control, select.POLLIN)
        ready.register(self._wake, select.POLLIN)
        while True:
            for descriptor, _ in ready.poll(self._patience()):
                if descriptor == self._wake:
                    os.read(self._wake, 4096)
                elif not self._take():
                    return  # the parent is gone, and what was started goes with this process
            self._reap()
            self._see_to_late()

    def _take(self) -> bool:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, 4096, 1)
        except ConnectionError:
            message, descriptors = b"", []
        if not message:
            for pid in self._children:
                os.kill(pid, signal.SIGKILL)
            return False
        asked: dict[str, float] = json.loads(message)
        if "kill" in asked:
            for pid, started in self._children.items():
                if started.call == asked["kill"]:
                    self._kill(pid, "killed")
        elif descriptors:
            job = Job(asked["timeout"], int(asked["memory"]), self._base, self._filter)
            call = int(asked["run"])
            now = time.monotonic()
            pid = self._fork(descriptors[0], job)
            os.close(descriptors[0])
            self._children[pid] = _Child(call, now + job.timeout, now + _SHORT)
        return True

    def _fork(self, descriptor: int, job: Job) -> int:
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            child.main(descriptor, job)
        return pid

    def _trial(self, which: str) -> str | None:
        """Why the layer doesn't hold, or None."""
        here, there = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            here.close()
            child.trial(there.fileno(), which, Job(5.0, _TRIAL_MEMORY, self._base, self._filter))
        there.close()
        here.settimeout(5.0)
        try:
            said = here.recv(400).decode("utf-8", "replace")
        except OSError:
            said = ""
            os.kill(pid, signal.SIGKILL)
        here.close()
        _, status = os.waitpid(pid, 0)
        if which == "killed":
            held = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS
            return None if held else "a forbidden system call did not end the process"
        return None if said == "holds" else said or "the trial gave no answer"

    def _patience(self) -> float | None:
        """Milliseconds until something is due."""
        due = [
            min(each.steps_back or each.deadline, each.deadline)
            for each in self._children.values()
            if each.killed is None
        ]
        return max(0.0, (min(due) - time.monotonic()) * 1000) if due else None

    def _see_to_late(self) -> None:
        now = time.monotonic()
        for pid, started in self._children.items():
            if started.killed is not None:
                continue
            if started.deadline <= now:
                self._kill(pid, "timeout")
            elif started.steps_back is not None and started.steps_back <= now:
                started.steps_back = None
                os.setpriority(os.PRIO_PROCESS, pid, _NICE)

    def _kill(self, pid: int, why: str) -> None:
        # Its number can't belong to anyone else: it isn't reaped yet
        self._children[pid].killed = why
        os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            ended = self._children.pop(pid, None)
            if ended is not None:
                self._tell({"ended": ended.call, "why": ended.killed or _why(status)})

    def _tell(self, message: object) -> None:
        try:
            self._control.sendall(json.dumps(message).encode())
        except OSError:
            raise SystemExit(0) from None


def _why(status: int) -> str:
    if not os.WIFSIGNALED(status):
        return "exit"
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        return "timeout"
    return {signal.SIGSYS: "forbidden", signal.SIGKILL: "memory"}.get(signal.Signals(number), "crash")


def _mapped() -> int:
    """Bytes of address space that this process has, and so each child before it does anything."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _empty_root() -> str | None:
    """Within the namespaces there is nothing to see: the root becomes an empty folder that can't be written. Why not, or None."""
    try:
        kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        kernel.mount("none", "/tmp", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC, "size=4k")  # noqa: S108  # a mount point
        os.chdir("/tmp")  # noqa: S108  # the same
        kernel.pivot_root_here()
        os.chdir("/")
        kernel.mount(
            "none",
            "/",
            None,
            kernel.MS_REMOUNT | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC,
        )
    except OSError as error:
        return f"the folders of the host stay visible ({error.strerror})"
    return None


def _drop_privileges() -> str | None:
    """Capabilities, which a user namespace gave or the host's root left. Why not, or None."""
    try:
        kernel.drop_capabilities()
        wall.no_new_privileges()
    except OSError as error:
        return f"capabilities stay ({error.strerror})"
    return None
