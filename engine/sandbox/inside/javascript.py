"""JavaScript by QuickJS. The engine has no files, no network and no modules of its own; the wall stands behind it.

One context a process. The host gives it three things: a function that takes lines of the log as text, the source, and the input as JSON
text. It
takes back JSON text. What the harness needs of the language it takes before the user's code can change it.

The binding's extension is imported past its package, whose import starts a thread: a process with threads must not fork, and can't make
namespaces.

`main` may be asynchronous: promises are run until nothing is left to do. There is nothing to wait for, so a promise that is still open then
is an error.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any, Protocol, cast

from engine.sandbox.inside.answer import CallFailed, Fault, Speaker, code_error
from engine.sandbox.inside.frames import LARGEST_SOURCE, LEVELS

_STACK = 2 * 2**20
_TRACE = re.compile(r"(?:\n    at [^\n]*)+\n?\Z")
_NAMED = re.compile(r"(?P<name>[A-Za-z_$][\w$]{0,80})(?:: (?P<text>.*))?", re.DOTALL)
_PLACE = re.compile(r"<input>:(\d+)(?::(\d+))?")
_BELOW = LARGEST_SOURCE + 1
"""Lines before the harness, so that its places are none of the source's."""
_HARNESS = (
    "\n" * _BELOW
    + """
(function (print) {
  const parse = JSON.parse, write = JSON.stringify, text = String, isError = (e) => e instanceof Error;
  const P = Promise, call = Function.prototype.call.bind(Function.prototype.call), then = P.prototype.then;
  const show = (v) => {
    if (typeof v === 'string') return v;
    if (isError(v)) return text(v);
    try { const t = write(v); return t === undefined ? text(v) : t; } catch (e) { return text(v); }
  };
  const line = (level) => (...given) => { print(level, given.map(show).join(' ')); };
  globalThis.console = {
    log: line('info'), info: line('info'), debug: line('debug'), warn: line('warning'), error: line('error'),
  };
  delete globalThis.__print;
  let done = false, failed = false, result = 'null', error = null;
  const finish = (v) => { const t = write(v); result = t === undefined ? 'null' : t; done = true; };
  const fail = (e) => { failed = true; error = e; done = true; };
  return function (what, main, input) {
    if (what === 'start') {
      const given = main(parse(input));
      if (given instanceof P) call(then, call(then, given, finish), undefined, fail);
      else finish(given);
    } else if (what === 'done') {
      return done;
    } else {
      if (failed) throw error;
      return result;
    }
  };
})(__print)
"""
)


class _Context(Protocol):
    def eval(self, source: str) -> object: ...
    def set_memory_limit(self, limit: int) -> None: ...
    def set_max_stack_size(self, size: int) -> None: ...
    def execute_pending_job(self) -> bool: ...
    def add_callable(self, name: str, function: object) -> None: ...


class _Harness(Protocol):
    def __call__(self, *given: object) -> object: ...


def _engine() -> tuple[Callable[[], _Context], type[Exception]]:
    """What makes contexts, and what they raise."""
    binding: Any = importlib.import_module("_quickjs")
    return binding.Context, binding.JSException


def prepare() -> None:
    """Loads the engine, and sees that it works. Raises whatever is wrong."""
    make, _ = _engine()
    context = make()
    if context.eval("[1, 2].map((n) => n + 1).join()") != "2,3":
        raise RuntimeError("QuickJS doesn't compute")


def problems(source: str) -> list[Fault]:
    """Why the source doesn't compile. Nothing of it runs: a script is compiled whole before its first statement, which ends it."""
    make, exception = _engine()
    try:
        make().eval(f"throw null;{source}")
    except exception as error:
        failed = _failed(str(error))
        line = failed.details.get("line")
        if "type" in failed.details:  # the statement that ends it gives null, which has none
            return [Fault(line if isinstance(line, int) else None, None, str(failed.details["text"]))]
    return []


def run(source: str, given: str, memory: int, speaker: Speaker) -> str:
    """JSON text that `main` gives for JSON text. Raises CallFailed."""
    make, exception = _engine()
    context = make()
    context.set_memory_limit(memory)
    context.set_max_stack_size(_STACK)

    def print_(level: object, text: object) -> None:
        speaker.log(level if isinstance(level, str) and level in LEVELS else "info", str(text))

    try:
        context.add_callable("__print", print_)
        harness = cast("_Harness", context.eval(_HARNESS))
        context.eval(source)
        main = context.eval("typeof main === 'function' ? main : undefined")
        if main is None:
            raise code_error(None, "ReferenceError", "the source defines no function `main(input)`")
        harness("start", main, given)
        while context.execute_pending_job():
            pass
        if not harness("done"):
            raise code_error(None, "Error", "what `main` gives is a promise that nothing will ever settle")
        return str(harness("take"))
    except exception as error:
        raise _failed(str(error)) from None


def _failed(said: str) -> CallFailed:
    """From what the binding says of an exception: its text, then a line for each place, the innermost first."""
    trace = _TRACE.search(said)
    text = said[: trace.start()] if trace else said.removesuffix("\nundefined").removesuffix("\n")
    if trace is None and text == "null":  # where memory is at its end, there is none for an error
        message = "The code threw null, as it does when it needs more memory than it may have."
        return CallFailed("code.memory", message, {})
    lines = [int(place[1]) for place in _PLACE.finditer(trace[0])] if trace else []
    line = next((line for line in lines if line <= _BELOW), None)
    named = _NAMED.fullmatch(text)
    if named and (trace or named["name"].endswith("Error")):
        kind, rest = named["name"], named["text"] or ""
    else:
        kind, rest = "Error", text
    if kind == "InternalError" and "out of memory" in rest:
        return CallFailed("code.memory", "The code needs more memory than it may have.", {})
    return code_error(line, kind, rest)
