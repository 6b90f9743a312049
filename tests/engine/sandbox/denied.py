"""Runs the sandbox on a host that refuses something.

`python denied.py LAYER` denies the calls that the layer is made with, then says what holds and what a call gives, as JSON.
The refusal is a filter of system calls, put over this process and all that it starts.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import struct
import sys

from engine.sandbox.inside import kernel
from engine.sandbox.sandbox import Sandbox
from modules.sdk.verdicts import ModuleError

# By layer: numbers of calls for x86_64 and aarch64, and the first argument that is refused, None for any
DENIED: dict[str, list[tuple[int, int, int | None]]] = {
    "rlimits": [(302, 261, None), (160, 164, None)],
    "no_new_privs": [(157, 167, kernel.PR_SET_NO_NEW_PRIVS)],
    "seccomp": [(157, 167, kernel.PR_SET_SECCOMP), (317, 277, None)],
    "namespaces": [(272, 97, None)],
}


def deny(layer: str) -> None:
    column = 0 if os.uname().machine == "x86_64" else 1

    def instruction(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
        return struct.pack("<HBBI", code, true, false, value)

    refused, allowed = instruction(0x06, 0x00050000 | errno.EPERM), instruction(0x06, 0x7FFF0000)
    written = b""
    for denied in DENIED[layer]:
        number, argument = denied[column], denied[2]
        then = refused if argument is None else instruction(0x20, 16) + instruction(0x15, argument, 0, 1) + refused
        written += instruction(0x20, 0) + instruction(0x15, number, 0, len(then) // 8) + then
    if os.geteuid() != 0:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.filter_syscalls(written + allowed)


async def main() -> None:
    async with Sandbox() as sandbox:
        layers = await sandbox.layers()
        try:
            answer = await sandbox.run("python", "def main(input): return input", 7, timeout=10, memory_mb=64)
            gave: object = answer.value
        except ModuleError as error:
            gave = {"code": error.code, **error.details}
        print(json.dumps({"missing": [each.name for each in layers if not each.holds], "gave": gave}))


if __name__ == "__main__":
    deny(sys.argv[1])
    asyncio.run(main())
