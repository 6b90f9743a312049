"""The first process of the sandbox: loads the interpreters, gives up the user, enters namespaces, forks the zygote into them, and waits
for it.

It is spawned with an empty environment and no descriptor but the control socket (0) and the operator's log (2). Process namespaces hold for
children only, hence the fork. The user comes after loading, since Python itself may lie where nobody else can read, and before the
namespaces, which
belong to the one who made them. The zygote is process 1 of its namespace: when it ends, the kernel ends all that it has started.

Namespaces are taken where the host gives them; where it doesn't, the other layers stand alone, and the zygote's report says why.

Started as `python -s -P -m engine.sandbox.inside.launcher PARENT`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from engine.sandbox.inside import child, kernel, zygote

NOBODY = 65534
_GROUP_NICE = b"10"
"""Of all of the sandbox together: a tenth of what a session weighs that hasn't stepped back."""
_ALL = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
)


def main(parent: int) -> None:
    _die_with(parent)
    _stand_back()
    faults = child.prepare()
    if len(os.listdir("/proc/self/task")) > 1:
        raise SystemExit("a library of the sandbox has started a thread, so nothing can be forked safely")
    user = _give_up_user()
    namespaces = _enter_namespaces()
    pid = os.fork()
    if pid:
        os.close(0)
        os.waitpid(pid, 0)
        return
    # Not by the parent's number: inside of the namespace it has none
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    zygote.main(user, namespaces, faults)


def _stand_back() -> None:
    """A session of its own: Ctrl-C on the terminal isn't for it, and Linux shares out processors between sessions first, where it
    groups by them. In the worker's session users' code would take the worker's share, whatever its own nice value; as a group that has
    stepped back it takes little from those who carry runs.
    """
    os.setsid()
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "wb") as file:
        file.write(_GROUP_NICE)


def _die_with(parent: int) -> None:
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)


def _give_up_user() -> str | None:
    """Why root stays root, or None."""
    if os.geteuid() != 0:
        return None
    parent = os.getppid()
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # or the maps of the user namespace belong to root
        _die_with(parent)  # a change of user takes it back
    except OSError as error:
        return f"the process can't stop being root ({error.strerror})"
    return None


def _enter_namespaces() -> str | None:
    """Why there are none, or None."""
    user, group = os.geteuid(), os.getegid()
    try:
        kernel.unshare(_ALL)
        for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{file}", "wb") as written:
                written.write(text.encode())
    except OSError as error:
        return f"the host gives none ({error.strerror})"
    return None


if __name__ == "__main__":
    main(int(sys.argv[1]))
