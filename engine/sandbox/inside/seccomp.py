"""The filter of system calls that a child gets last: a classic BPF program, assembled here.

Three answers. `_ALLOWED` is what an interpreter needs to compute and to speak over the one socket that it has: memory (never executable),
reading and writing at descriptor 0, clocks, chance, its end. `_REFUSED` fails with EPERM: what libraries try in passing, so that this
becomes an
exception and not a riddle. Anything else, also each call that a later kernel adds, ends the process at once.

libseccomp would say the same in fewer lines, but it is a system library that a machine with nothing but Python doesn't have.
Numbers are those of the kernel's tables for x86_64 and aarch64; of calls that one of them lacks, the number is None.
"""

from __future__ import annotations

import errno
import struct

_Numbers = tuple[int | None, int | None]

_ALLOWED: dict[str, _Numbers] = {
    "munmap": (11, 215),
    "mremap": (25, 216),
    "brk": (12, 214),
    "madvise": (28, 233),
    "futex": (202, 98),
    "rt_sigreturn": (15, 139),
    "rt_sigprocmask": (14, 135),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getrandom": (318, 278),
    "sched_yield": (24, 124),
    "getpid": (39, 172),
}
_AT_DESCRIPTOR_0: dict[str, _Numbers] = {"read": (0, 63), "write": (1, 64)}
_NOT_EXECUTABLE: dict[str, _Numbers] = {"mmap": (9, 222), "mprotect": (10, 226)}
_REFUSED: dict[str, _Numbers] = {
    "open": (2, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "close": (3, 57),
    "stat": (4, None),
    "fstat": (5, 80),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "lseek": (8, 62),
    "ioctl": (16, 29),
    "fcntl": (72, 25),
    "getcwd": (79, 17),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "gettid": (186, 178),
    "sched_getaffinity": (204, 123),
    "getrlimit": (97, 163),
    "prlimit64": (302, 261),
    "rt_sigaction": (13, 134),
    "sigaltstack": (131, 132),
}
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_X32 = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_PROT_EXEC = 4
MACHINES = frozenset(_MACHINES)


def program(machine: str) -> bytes:
    """The filter for a machine as `os.uname` names it. Raises KeyError for one that has none."""
    column, architecture = _MACHINES[machine]
    written = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_EQUAL, architecture, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
        _instruction(_AT_LEAST, _X32, 0, 1),
        _instruction(_RETURN, _KILL),
    ]

    def each(calls: dict[str, _Numbers], then: list[bytes]) -> None:
        for numbers in calls.values():
            number = numbers[column]
            if number is not None:
                written.extend((_instruction(_EQUAL, number, 0, len(then)), *then))

    each(_ALLOWED, [_instruction(_RETURN, _ALLOW)])
    each(_AT_DESCRIPTOR_0, _only_if(0, _EQUAL, 0, holds=_ALLOW, fails=_ERRNO | errno.EPERM))
    each(_NOT_EXECUTABLE, _only_if(2, _ANY_BIT, _PROT_EXEC, holds=_ERRNO | errno.EPERM, fails=_ALLOW))
    each(_REFUSED, [_instruction(_RETURN, _ERRNO | errno.EPERM)])
    written.append(_instruction(_RETURN, _KILL))
    return b"".join(written)


def _only_if(argument: int, test: int, value: int, *, holds: int, fails: int) -> list[bytes]:
    """By the lower half of an argument of the call; the machines are little-endian."""
    return [
        _instruction(_LOAD, _ARGUMENTS + 8 * argument),
        _instruction(test, value, 0, 1),
        _instruction(_RETURN, holds),
        _instruction(_RETURN, fails),
    ]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
