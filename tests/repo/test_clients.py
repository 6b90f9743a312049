"""Nothing in the product opens a connection but the guard, and what is named here with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("engine", "modules", "copilot", "workspace", "db", "server")

LIBRARIES = frozenset(
    "aiohttp aioimaplib aiosmtplib ftplib http.client httpcore httpcore2 httpx httpx2 imaplib nntplib openai paramiko poplib "  # noqa: SIM905
    "psycopg pycurl requests smtplib telnetlib urllib.request urllib3 websockets xmlrpc.client".split()
)
CALLS = frozenset(
    "create_connection create_unix_connection create_datagram_endpoint open_connection open_unix_connection sock_connect "  # noqa: SIM905
    "connect connect_ex create_pool sendto".split()
)
ALLOWED = {
    "db/driver.py": "our own database",
    "db/pool.py": "our own database",
    "server/cli/client.py": "the command line speaks to the operator's own stack",
    "server/demo/orders.py": "the demo speaks to its own stack",
    "server/embedded/postgres.py": "the supervisor asks the server that it started",
    "server/embedded/program.py": "the supervisor asks the processes that it started",
    "server/embedded/temporal.py": "the supervisor asks the server that it started",
    "workspace/connections/mail_handshakes.py": "names the errors of the libraries whose clients the adapters build",
    "server/temporal.py": "the installation's Temporal",
}


def connections(tree: ast.AST) -> Iterator[str]:
    """What opens connections in a file: libraries that it imports, functions that it names."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
        yield from (name for name in names if any(name == each or name.startswith(f"{each}.") for each in LIBRARIES))
        if isinstance(node, ast.Attribute) and node.attr in CALLS:
            yield node.attr


def found() -> dict[str, set[str]]:
    files = (file for part in PARTS for file in (ROOT / part).rglob("*.py"))
    told = {str(file.relative_to(ROOT)): set(connections(ast.parse(file.read_text()))) for file in files}
    return {file: names for file, names in told.items() if names and not file.startswith("workspace/egress/")}


def test_clients_are_built_in_one_place() -> None:
    told = found()
    # the pool of databases is handed its connections by the adapter, whose function has the same name
    assert {file: names for file, names in told.items() if file not in ALLOWED} == {}
    assert sorted(ALLOWED) == sorted(told), "an exception that is no longer needed"


def test_the_rule_sees_each_way() -> None:
    for line in (
        "import httpx",
        "from urllib import request",
        "import urllib.request as r",
        "from openai import AsyncOpenAI",
        "import http.client",
        "await asyncio.open_connection('x', 1)",
        "socket.create_connection(('x', 1))",
        "await asyncpg.connect()",
        "loop.sock_connect(s, ('x', 1))",
    ):
        assert list(connections(ast.parse(f"async def f():\n    {line}"))), line
    assert not list(connections(ast.parse("from urllib.parse import quote\nimport http")))
