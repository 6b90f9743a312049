"""Takes the example's orders in through the webhook, and judges how each ended.

What should happen to each order stands in `examples/order_outcomes.json`: the answer to the shop, the run's status, the
error's code. Besides, the warehouse's own ledger must show each delivered order exactly once.
"""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from server.cli.client import Api, Refused, connect
from server.cli.deploy import save
from server.demo.place import EXAMPLES

if TYPE_CHECKING:
    from server.cli.client import JsonObject
    from server.cli.output import Out
    from server.settings import Settings

NAME = "order-intake"
AT_ONCE = 8
RETRIED = "1050"
"""The order for which the warehouse answers 503 twice."""


@dataclass(slots=True)
class Report:
    """`runs` newest first; `logs` step logs by a title; `wrong` a sentence for each order that did not end as it should."""

    orders: int
    runs: list[JsonObject] = field(default_factory=list["JsonObject"])
    logs: dict[str, list[JsonObject]] = field(default_factory=dict[str, "list[JsonObject]"])
    wrong: list[str] = field(default_factory=list[str])
    failed_run: str | None = None


def take_orders(settings: Settings, warehouse: str, out: Out) -> Report:
    """Deploys the workflow, posts all orders, and reads back what became of them."""
    api = connect(settings)
    hook = _deploy(api, warehouse, out)
    orders = [json.loads(line) for line in (EXAMPLES / "orders.jsonl").read_text(encoding="utf-8").splitlines()]
    outcomes = json.loads((EXAMPLES / "order_outcomes.json").read_text(encoding="utf-8"))
    began = datetime.now(UTC) - timedelta(seconds=1)
    report = Report(orders=len(orders))
    answers = _post_all(hook, orders, out)
    report.runs = api.items("/runs", {"workflow": NAME, "from": began.isoformat()}, most=1_000)
    by_order = {_order_of(api, run): run for run in report.runs}
    _judge(report, by_order, orders, answers, outcomes)
    _judge_deliveries(report, warehouse, orders)
    _pick_logs(report, by_order, api)
    return report


def _deploy(api: Api, warehouse: str, out: Out) -> str:
    try:
        api.post("/variables", {"name": "WAREHOUSE_URL", "value": warehouse})
    except Refused as refusal:
        if refusal.status != 409:
            raise
        api.request("PUT", "/variables/WAREHOUSE_URL", body={"value": warehouse})
    save(api, EXAMPLES / "order_intake.yaml")
    version = api.post(f"/workflows/{NAME}/deploy", {"note": "the demo"})
    hooks = api.get(f"/workflows/{NAME}")["hooks"]
    assert isinstance(hooks, list)
    hook = hooks[0]
    assert isinstance(hook, dict)
    out.note(f"Deployed {NAME} as version {version['version']}; orders go to {hook['url']}")
    return str(hook["url"])


def _post_all(hook: str, orders: list[JsonObject], out: Out) -> dict[str, int]:
    """The status that each order was answered with, by its id."""
    session = uuid.uuid4().hex[:8]
    answers: dict[str, int] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool, out.progress("Orders taken in", len(orders)) as progress:
        posted = {pool.submit(_post, hook, order, f"{session}-{order['id']}"): str(order["id"]) for order in orders}
        for done in as_completed(posted):
            answers[posted[done]] = done.result()
            progress.advance()
    return answers


def _post(hook: str, order: JsonObject, key: str) -> int:
    address = urlsplit(hook)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=120)
    try:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        connection.request("POST", address.path, json.dumps(order).encode(), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def _order_of(api: Api, run: JsonObject) -> str:
    """The number of the order that a run took in. A large input is kept beside the run, which then refers to it."""
    given = run["input"]
    assert isinstance(given, dict)
    if "$ref" in given:
        given = api.get(f"/runs/{run['run_id']}/payloads/{given['$ref']}")
    return str(given["id"])


def _judge(
    report: Report,
    by_order: dict[str, JsonObject],
    orders: list[JsonObject],
    answers: dict[str, int],
    outcomes: dict[str, JsonObject],
) -> None:
    for order in orders:
        number = str(order["id"])
        special = outcomes["orders"].get(number)
        expected = special if isinstance(special, dict) else outcomes["default"]
        if answers[number] != expected["answer"]:
            report.wrong.append(f"order {number} was answered {answers[number]}, not {expected['answer']}")
        run = by_order.get(number)
        if "status" not in expected:
            if run is not None:
                report.wrong.append(f"order {number} was refused and still has a run {run['run_id']}")
            continue
        if run is None:
            report.wrong.append(f"order {number} has no run")
            continue
        error = run.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        if run["status"] != expected["status"] or code != expected.get("error"):
            report.wrong.append(f"order {number} ended {run['status']} ({code}), not {expected['status']}")
        if expected["status"] == "failed":
            report.failed_run = str(run["run_id"])


def _judge_deliveries(report: Report, warehouse: str, orders: list[JsonObject]) -> None:
    address = urlsplit(warehouse)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request("GET", "/ledger")
        ledger = json.loads(connection.getresponse().read())["orders"]
    finally:
        connection.close()
    for order in orders:
        lines = order["lines"]
        amounts = [line.get("amount") for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
        total = round(sum(amount for amount in amounts if isinstance(amount, int | float)), 2)
        refused = isinstance(lines, list) and any(
            isinstance(line, dict) and line["sku"] == "DISCONTINUED" for line in lines
        )
        due = 1 if total > 100 and not refused else 0
        delivered = ledger.get(str(order["id"]), {}).get("deliveries", 0)
        if delivered != due:
            report.wrong.append(f"order {order['id']} was delivered {delivered} times, not {due}")


def _pick_logs(report: Report, by_order: dict[str, JsonObject], api: Api) -> None:
    """The log of the order that met a warehouse being restarted, and of the one that it refused."""
    for number, run in by_order.items():
        if number == RETRIED or run["run_id"] == report.failed_run:
            title = f"The step log of order {number}, which {run['status']} ({run['run_id']}):"
            report.logs[title] = api.items(f"/runs/{run['run_id']}/steps", most=1_000)
