"""A script between the supervisor and each of its children: it takes the child's last preparations, then becomes it.

It is run by path (``python -I -S launch.py PARENT SIGNAL ACCOUNT ARGV…``) and imports nothing of the product, so that it
costs some 20 ms. It exists because the two preparations must happen in the child, after fork, and Python code between
fork and exec (``preexec_fn``) is not safe in a process that has threads:

- **ACCOUNT** (empty: none): give up root for this system user, with no supplementary groups.
- **SIGNAL**: the kernel sends it to the child when the supervisor dies, however it dies (Linux). It is set after the
  change of user, which would clear it; and a parent that died before it was set is noticed by its pid.

The pid stays the same, so the supervisor is the direct parent of what it started.
"""

import os
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def _give_up_root(account: str) -> None:
    import pwd

    entry = pwd.getpwnam(account)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.umask(0o077)


def _death_signal(parent: int, signal: int) -> Callable[[], None]:
    """The step that ties this process to its parent. Made before root is given up: Python's files may be root's."""
    if sys.platform != "linux":
        return lambda: None
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        if prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:
            sys.exit(1)

    return tie


def main(arguments: list[str]) -> None:
    parent, signal, account, *argv = arguments
    tie_to_parent = _death_signal(int(parent), int(signal))
    if account:
        _give_up_root(account)
    tie_to_parent()
    os.execv(argv[0], argv)  # noqa: S606 - becoming the child is this script's purpose


if __name__ == "__main__":
    main(sys.argv[1:])
