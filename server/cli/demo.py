"""`demo`: the main job from end to end, on a stack that is started for it and stopped afterwards."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
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
            if run(find_running(settings.home, product_version())) is not None:
                # That stack may not let steps reach a warehouse on loopback, and it is somebody's.
                settings = settings.model_copy(update={"home": settings.home / "demo", "port": 0, "public_url": None})
                out.note(f"A stack runs in this home already; the demo takes {str(settings.home)!r} for its own.")
            with _ending_in_order():
                out.note("Starting PostgreSQL, Temporal, the API and a worker.")
                try:
                    run(_start(settings, out))
                    with warehouse() as address:
                        report = take_orders(settings, address, out)
                    _show(report, out)
                finally:
                    out.note("Stopping everything.")
                    run(stop_running(settings.home))
        except StackError as error:
            raise CliError(str(error)) from error
        out.text()
        if report.wrong:
            raise CliError(f"{len(report.wrong)} of {report.orders} orders did not end as they should")
        out.text(f"All {report.orders} orders ended as they should, in {time.monotonic() - began:.0f} s.")
        _next(report, settings, out)


@contextmanager
def _ending_in_order() -> Generator[None]:
    """A SIGTERM ends the block as Ctrl-C does, so that its stack is stopped."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def _start(settings: Settings, out: Out) -> None:
    from server.embedded.control import start_in_background
    from server.embedded.ports import is_free
    from server.version import product_version

    # The warehouse listens on loopback, which steps can't reach unless the operator admits it.
    changes = {
        "MILLSTREAM_EGRESS_ALLOW": ",".join([*settings.egress_allow, "127.0.0.1"]),
        "MILLSTREAM_PORT": str(settings.port),
        "MILLSTREAM_PUBLIC_URL": settings.public_url or "",
    }
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


def _next(report: Report, settings: Settings, out: Out) -> None:
    out.text()
    out.text("What to type next:")
    if settings.home != load_settings().home:
        out.text(f"  export MILLSTREAM_HOME={settings.home}  and MILLSTREAM_PORT=0, beside the stack that runs already")
    out.text("  ./dev up                       keeps the stack running; the runs above are still there")
    out.text(f"  ./dev runs show {report.failed_run or 'RUN'}")
    out.text('  ./dev run order-intake --input \'{"id": 1, "lines": [{"sku": "tea", "amount": 4}]}\' --wait')
    out.text("  ./dev test examples/order_intake.yaml")
