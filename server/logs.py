"""The processes' own log: one line an event, for people on a terminal, as JSON elsewhere. It never holds data of runs.

What a library or a trace puts into a line may hold a secret all the same: each line passes the redactor last (`hiding`)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

import structlog

from server.settings import Settings

_QUIET = ("temporalio", "httpx", "httpcore", "asyncio", "uvicorn")


def set_up(settings: Settings) -> None:
    """Once per process, before anything logs. What the libraries log goes the same way, from warnings upwards."""
    as_json = settings.log_format == "json" or (settings.log_format is None and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    end = [structlog.processors.format_exc_info, render] if as_json else [render]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *end],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class _Hiding(logging.Formatter):
    def __init__(self, inner: logging.Formatter, clean: Callable[[str], str]) -> None:
        super().__init__()
        self._inner = inner
        self._clean = clean

    def format(self, record: logging.LogRecord) -> str:
        return self._clean(self._inner.format(record))


@contextmanager
def hiding(clean: Callable[[str], str]) -> Generator[None]:
    """While the block runs, each line of the log is what `clean` makes of it."""
    before = [(handler, handler.formatter) for handler in logging.getLogger().handlers]
    for handler, formatter in before:
        handler.setFormatter(_Hiding(formatter or logging.Formatter(), clean))
    try:
        yield
    finally:
        for handler, formatter in before:
            handler.setFormatter(formatter)
