"""The demo's warehouse: `examples/warehouse.py` as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from server.demo.place import EXAMPLES


@contextmanager
def warehouse() -> Generator[str]:
    """Its address, while the block runs."""
    command = [sys.executable, str(EXAMPLES / "warehouse.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own file
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
