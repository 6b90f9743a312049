"""A small warehouse to send orders to: `python examples/warehouse.py --port 9090`.

It behaves as real ones do: the order 1050 meets 503 twice before it is taken, articles that are DISCONTINUED are refused with 422, and
an order that comes again with the same Idempotency-Key gets its first ticket instead of a second delivery.

    POST /orders   {order, customer, amount, lines} → 201 {ticket}
    GET  /ledger   {orders: {id: {requests, deliveries}}}
"""

from __future__ import annotations

import argparse
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DOWN_AT_FIRST = {"1050": 2}


class Ledger:
    """What was asked and what was delivered; one per server."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests: Counter[str] = Counter()
        self.tickets: dict[str, str] = {}
        self.deliveries: Counter[str] = Counter()

    def take(self, order: dict[str, object], key: str) -> tuple[int, dict[str, object]]:
        number = str(order.get("order"))
        lines = order.get("lines")
        with self.lock:
            self.requests[number] += 1
            if self.requests[number] <= DOWN_AT_FIRST.get(number, 0):
                return 503, {"message": "The warehouse system is being restarted."}
            for line in lines if isinstance(lines, list) else []:
                if isinstance(line, dict) and line.get("sku") == "DISCONTINUED":
                    return 422, {"message": "The article DISCONTINUED is no longer kept.", "order": number}
            if key not in self.tickets:
                self.deliveries[number] += 1
                self.tickets[key] = f"W-{number}"
            return 201, {"ticket": self.tickets[key]}

    def report(self) -> dict[str, object]:
        with self.lock:
            orders = {n: {"requests": self.requests[n], "deliveries": self.deliveries[n]} for n in self.requests}
            return {"orders": orders}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ledger: Ledger

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/orders":
            self.answer(404, {"message": "Orders go to /orders."})
            return
        try:
            order = json.loads(body)
        except ValueError:
            self.answer(400, {"message": "The body is not JSON."})
            return
        self.answer(*self.ledger.take(order, self.headers.get("Idempotency-Key") or f"none-{id(order)}"))

    def do_GET(self) -> None:
        if self.path == "/ledger":
            self.answer(200, self.ledger.report())
        else:
            self.answer(404, {"message": "There is /ledger to read."})

    def answer(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet: the ledger is the record."""


def main() -> None:
    parser = argparse.ArgumentParser(description="A small warehouse to send orders to.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9090, help="0 takes a free one")
    options = parser.parse_args()
    handler = type("BoundHandler", (Handler,), {"ledger": Ledger()})
    with ThreadingHTTPServer((options.host, options.port), handler) as server:
        server.daemon_threads = True
        print(f"http://{options.host}:{server.server_address[1]}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
