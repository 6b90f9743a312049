"""Whether a module's files keep to what a module may do, read from their text and without running them.

A module imports the SDK, its own app, the standard library without what reaches the machine, and the project's libraries without
clients of their own. This is a check of honest code, so that review has less to look for; it is no wall.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from modules.registry import name_of
from server.module_tools.flaws import Flaw

_REACHING_OUT = (
    "aiohttp asyncpg builtins concurrent ctypes fcntl ftplib http httpcore httpx imaplib importlib mmap multiprocessing os "
    "pickle poplib pty requests resource runpy select selectors shelve shutil signal smtplib socket socketserver sqlite3 "
    "ssl subprocess sys tempfile temporalio threading urllib.request webbrowser xmlrpc"
)
_FORBIDDEN = frozenset(_REACHING_OUT.split())
_CALLS = frozenset(("open", "eval", "exec", "compile", "__import__", "input", "print", "breakpoint"))
_OURS = frozenset(("bench", "copilot", "db", "engine", "server", "tests", "workspace"))
_FILE = re.compile(r"[a-z][a-z0-9_]*")


def check_app(root: Path, app: str) -> Iterator[Flaw]:
    """The folder `modules/<app>`: its shape, and every file in it."""
    folder = root / "modules" / app
    if _FILE.fullmatch(app) is None:
        yield Flaw(f"modules/{app}", "an app's name is lower case letters, digits and underscores")
    if not (folder / "__init__.py").is_file():
        yield Flaw(f"modules/{app}", "the folder needs an empty __init__.py")
    for path in sorted(folder.rglob("*")):
        where = path.relative_to(root).as_posix()
        if path.is_dir() or "__pycache__" in path.parts:
            continue
        if path.suffix != ".py":
            yield Flaw(where, "an app's folder holds Python files only")
        elif path.name == "__init__.py":
            if path.read_text().strip():
                yield Flaw(where, "an __init__.py is empty")
        elif _FILE.fullmatch(path.stem) is None:
            yield Flaw(where, "a file's name is lower case letters, digits and underscores")
        else:
            yield from check_source(root, path)


def check_source(root: Path, path: Path) -> Iterator[Flaw]:
    """One file."""
    where = path.relative_to(root).as_posix()
    app = path.relative_to(root / "modules").parts[0]
    declares = path.parent == root / "modules" / app
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        yield Flaw(where, f"it is not Python: {error}")
        return
    if ast.get_docstring(tree) is None:
        yield Flaw(where, "it has no docstring: say in a line what it is for")
    for node in ast.walk(tree):
        for name in _imported(node):
            reason = _refused(name, app)
            if reason is not None:
                yield Flaw(f"{where}:{node.lineno if isinstance(node, ast.stmt) else 1}", reason)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
            yield Flaw(f"{where}:{node.lineno}", f"a module doesn't call {node.func.id}()")
    if declares:
        yield from _heavy(where, tree)


def missing_test(root: Path, file: str) -> Flaw | None:
    """A module that has code has a test of its own."""
    app, stem = file.split(".")[-2:]
    action = name_of(file)[0].partition(".")[2]
    test = root / "tests" / "modules" / app / f"test_{action}.py"
    if test.is_file() or not (root / "tests").is_dir():
        return None
    return Flaw(f"modules/{app}/{stem}.py", f"it has no test: write {test.relative_to(root).as_posix()}")


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            yield "."
        elif node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _refused(name: str, app: str) -> str | None:
    top, _, rest = name.partition(".")
    if name == ".":
        return "imports are absolute"
    if top == "modules":
        return (
            None if rest.partition(".")[0] in ("sdk", app) else f"it imports {name!r}: only modules.sdk and its own app"
        )
    if top in _OURS:
        return f"it imports {name!r}: a module knows the SDK, not the engine"
    if top in _FORBIDDEN or any(name == each or name.startswith(f"{each}.") for each in _FORBIDDEN):
        return f"it imports {name!r}: ask the Context for what is outside of the module"
    return None


def _heavy(where: str, tree: ast.Module) -> Iterator[Flaw]:
    """Declarations are read by every process at its start, so they load no library."""
    for node in tree.body:
        for name in _imported(node):
            top = name.partition(".")[0]
            if top != "modules" and top not in sys.stdlib_module_names:
                yield Flaw(f"{where}:{node.lineno}", f"it imports {top!r} at its top: import it inside the function")
