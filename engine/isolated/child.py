"""A process of the isolated pool: reads a request, runs the function, writes the answer, and so on until its input ends.

What the work may cost is limited from two sides: this process limits its own memory before it reads anything, the pool
kills it by the clock. It has no secrets to lose: its environment is empty, and it gets only what one call needs. It dies
with its parent. Functions print where nobody reads; the pipes belong to the protocol.

Started as `python -m engine.isolated.child BYTES_OF_MEMORY PARENT`.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import re
import resource
import signal
import sys
import traceback
from typing import BinaryIO

from engine.isolated.frames import DEEPEST, HEAD, LARGEST_ANSWER, MEMORY
from modules.sdk.isolated import is_isolated
from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.strict_json import parse_json
from modules.sdk.verdicts import ModuleError

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_FUNCTION = re.compile(r"(modules(?:\.[a-z][a-z0-9_]*)+):([a-z][a-z0-9_]*)")


def main(memory: int, parent: int) -> None:
    _confine(memory, parent)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    while (request := _read(requests)) is not None:
        answer = _answer(request)
        del request
        answers.write(HEAD.pack(len(answer)))
        answers.write(answer)
        answers.flush()


def run(function: str, argument: JsonObject) -> Json:
    """Runs a function by its name. Raises LookupError for one that isn't marked as isolated, and what it raises."""
    match = _FUNCTION.fullmatch(function)
    found = getattr(importlib.import_module(match[1]), match[2], None) if match else None
    if not is_isolated(found) or found is None:
        raise LookupError(f"{function!r} is not a function for the isolated pool")
    value: Json = found(argument)
    return value


def _answer(request: bytes) -> bytes:
    try:
        answer = _run(request)
        return answer if len(answer) <= LARGEST_ANSWER else _error("payload.too_large", "the result is too large")
    except ModuleError as error:
        return _error(error.code, error.message, error.details, error.retryable)
    except MemoryError:
        return _error(MEMORY, "the work needs more memory than it may have", retryable=False)
    except RecursionError:
        return _error("module.failed", "the work is nested too deeply", retryable=False)
    except Exception as error:
        # For the operator, where it happened; the error's own text may hold the data
        where = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(f"isolated: {type(error).__name__} at {where.filename}:{where.lineno}\n")
        return _error("module.failed", "the module failed in a way that it did not foresee", retryable=False)


def _run(request: bytes) -> bytes:
    call = parse_json(request, DEEPEST)
    if not isinstance(call, dict) or not isinstance(argument := call["argument"], dict):
        raise TypeError("a request is an object")
    return dumps({"value": run(str(call["function"]), argument)})


def _error(code: str, message: str, details: JsonObject | None = None, retryable: bool | None = None) -> bytes:
    return dumps({"error": {"code": code, "message": message, "details": details or {}, "retryable": retryable}})


def _read(requests: BinaryIO) -> bytes | None:
    head = requests.read(HEAD.size)
    return requests.read(HEAD.unpack(head)[0]) if len(head) == HEAD.size else None


def _confine(memory: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole terminal; the pool decides when this ends
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(0)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
