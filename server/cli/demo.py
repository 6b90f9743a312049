"""`demo`: the main job from end to end, on a stack of its own unless one runs in this home."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import typer

from server.cli.loop import run
from server.cli.output import CliError, Out
from server.settings import load_settings

if TYPE_CHECKING:
    from server.demo.orders import Report
    from server.settings import Settings


def register(app: typer.Typer) -> None:
    @app.command()
    def demo() -> None:
        """Start everything, take in 54 real orders, show their runs and step logs, and stop everything."""
        from server.demo.orders import take_orders
        from server.demo.warehouse import warehouse
        from server.embedded.control import find_running, stop_running
        from server.embedded.errors import StackError
        from server.version import product_version

        settings, out, began = load_settings(), Out(), time.monotonic()
        try:
            found = run(find_running(settings.home, product_version()))
            if found is None:
                out.note("Starting PostgreSQL, Temporal, the API and a worker.")
                run(_start(settings, out))
            try:
                with warehouse() as address:
                    report = take_orders(settings, address, out)
                _show(report, out)
            finally:
                if found is None:
                    out.note("Stopping everything.")
                    run(stop_running(settings.home))
        except StackError as error:
            raise CliError(str(error)) from error
        out.text()
        if report.wrong:
            raise CliError(f"{len(report.wrong)} of {report.orders} orders did not end as they should")
        out.text(f"All {report.orders} orders ended as they should, in {time.monotonic() - began:.0f} s.")
        _next(report, out)


async def _start(settings: Settings, out: Out) -> None:
    from server.embedded.control import start_in_background
    from server.embedded.ports import is_free
    from server.version import product_version

    # The warehouse listens on loopback, which steps can't reach unless the operator admits it.
    changes = {"MILLSTREAM_EGRESS_ALLOW": ",".join([*settings.egress_allow, "127.0.0.1"])}
    if settings.port and not is_free(settings.host, settings.port):
        out.note(f"Port {settings.port} is taken; the demo chooses a free one.")
        changes["MILLSTREAM_PORT"] = "0"
    await start_in_background(settings, product_version(), report=out.note, changes=changes)


def _show(report: Report, out: Out) -> None:
    from server.cli.runs import show_runs, show_steps

    out.text()
    show_runs(out, report.runs)
    for title, steps in report.logs.items():
        out.text()
        out.text(title)
        show_steps(out, steps)
    for line in report.wrong:
        sys.stderr.write(f"wrong: {line}\n")


def _next(report: Report, out: Out) -> None:
    out.text()
    out.text("What to type next:")
    out.text("  ./dev up                       keeps the stack running; the runs above are still there")
    out.text(f"  ./dev runs show {report.failed_run or 'RUN'}")
    out.text('  ./dev run order-intake --input \'{"id": 1, "lines": [{"sku": "tea", "amount": 4}]}\' --wait')
    out.text("  ./dev test examples/order_intake.yaml")
