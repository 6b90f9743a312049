"""What a child puts up round itself before it reads its request, in this order:

1. its socket becomes descriptor 0, every other descriptor is closed
2. it dies with the zygote
3. limits: processor time, memory, no files written, no further descriptors, no core, no processes
4. no_new_privs: nothing that it could execute gives it rights back
5. the filter of system calls, last, since it forbids all of the above

A layer that can't be put up raises, and the child ends without having read anything. The user was given up before, by the zygote, and so
were the namespaces entered: once for all children, which costs nothing a call.
"""

from __future__ import annotations

import math
import os
import resource
import signal

from engine.sandbox.inside import kernel

MIB = 2**20
SPARE = 24 * MIB
"""Memory beyond the limit that the call has: for the interpreter, and so that it can say that the limit was reached."""
_MANY = 65_536


def limits(timeout: float, memory: int, base: int) -> dict[int, tuple[int, int]]:
    """By resource. `memory` and `base` (what the zygote has mapped already) in bytes. The clock kills at `timeout`; processor time stands
    behind it."""
    processor = math.ceil(timeout) + 1
    space = base + memory + SPARE
    return {
        resource.RLIMIT_CPU: (processor, processor),
        resource.RLIMIT_AS: (space, space),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NOFILE: (1, 1),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NPROC: (0, 0),
    }


def only(descriptor: int) -> None:
    """Steps 1 and 2."""
    os.dup2(descriptor, 0, inheritable=False)
    os.closerange(1, _MANY)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def limit(wanted: dict[int, tuple[int, int]]) -> None:
    for what, pair in wanted.items():
        resource.setrlimit(what, pair)
        if resource.getrlimit(what) != pair:
            raise OSError(0, "a limit did not hold")


def no_new_privileges() -> None:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) != 1:
        raise OSError(0, "no_new_privs did not hold")
