"""What happens outside, written down where no fault of the stack can touch it: an HTTP server in a process of its own.

Every request is noted with its `Idempotency-Key` and answered 200 `{"path", "count"}`, unless it was told otherwise before:

    POST /-/hold {path}               requests to the path get no answer until they are released
    POST /-/release {path}            those that wait get their answer, and later ones get theirs at once
    POST /-/statuses {path, statuses} the next requests to the path are answered with these
    GET  /-/arrived?path=&count=      answers when that many requests to the path have come
    GET  /-/requests                  all of them, in order: `[{method, path, key}]`
    GET  /-/slow                      answers after half a minute and more, and isn't noted
    POST /-/tokens/good               an OAuth provider's token endpoint, whose tokens are good for two seconds
    POST /-/tokens/refused            one that refuses, and /-/tokens/away one that is down

A path with a part `fails-N` is answered 503 for its first N requests.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast
from urllib.parse import parse_qs, urlsplit

_FAILS = re.compile(r"/fails-(\d+)(/|$)")
_SLOW_S = 35.0
_TOKENS: dict[str, tuple[int, object]] = {
    "/-/tokens/good": (
        200,
        {"access_token": "access", "refresh_token": "refresh", "token_type": "Bearer", "expires_in": 2},
    ),
    "/-/tokens/refused": (400, {"error": "invalid_grant"}),
    "/-/tokens/away": (503, {}),
}


class Book:
    """All that came, and what is to be answered. One lock for all of it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.requests: list[dict[str, str | None]] = []
        self.counts: Counter[str] = Counter()
        self.held: set[str] = set()
        self.statuses: dict[str, list[int]] = {}

    def take(self, method: str, path: str, key: str | None) -> tuple[int, object]:
        with self.changed:
            self.requests.append({"method": method, "path": path, "key": key})
            self.counts[path] += 1
            count = self.counts[path]
            waiting = self.statuses.get(path)
            status = waiting.pop(0) if waiting else 200
            fails = _FAILS.search(path)
            if fails is not None and count <= int(fails[1]):
                status = 503
            self.changed.notify_all()
            self.changed.wait_for(lambda: path not in self.held)
        return status, {"path": path, "count": count}

    def control(self, verb: str, told: dict[str, object], query: dict[str, list[str]]) -> object:
        with self.changed:
            match verb:
                case "hold":
                    self.held.add(str(told["path"]))
                case "release":
                    self.held.discard(str(told["path"]))
                case "statuses":
                    self.statuses[str(told["path"])] = list(cast("list[int]", told["statuses"]))
                case "arrived":
                    path, count = query["path"][0], int(query["count"][0])
                    self.changed.wait_for(lambda: self.counts[path] >= count)
                case "requests":
                    return list(self.requests)
                case "slow":
                    self.changed.wait_for(lambda: False, timeout=_SLOW_S)
                case _:
                    raise ValueError(verb)
            self.changed.notify_all()
        return None


class Handler(BaseHTTPRequestHandler):
    """`book` is set by the program below."""

    protocol_version = "HTTP/1.1"
    book: Book

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        if address.path in _TOKENS:
            status, said = _TOKENS[address.path]
        elif address.path.startswith("/-/"):
            told = cast("dict[str, object]", json.loads(body)) if body else {}
            status, said = 200, self.book.control(address.path.removeprefix("/-/"), told, parse_qs(address.query))
        else:
            status, said = self.book.take(self.command, address.path, self.headers.get("Idempotency-Key"))
        content = json.dumps(said).encode()
        # Whoever asked may have been killed meanwhile.
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - the base class's names

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()
            return
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        return


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"book": Book()}))
    server.daemon_threads = True
    server.request_queue_size = 256
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
