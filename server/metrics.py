"""Figures for Prometheus: what this process was asked, and how the installation's runs go. Nothing of what runs are about.

Ends of runs are heard by the hub, from whichever process they come, and their states are read when somebody asks for the figures; so each
process that serves the API tells the ends of the whole installation. While PostgreSQL is away the figures of the process are told alone.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias, get_args
from uuid import UUID

from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from db import queue, run_rows
from db.errors import DatabaseUnavailable
from db.ids import RunId
from db.pool import Database
from engine.hub import Hub, Kind, Notice
from engine.stale import Stale

_MOST_ENDS = 20_000
"""Ends that are remembered until somebody asks; more than that between two looks are not counted."""
_BUCKETS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Metrics:
    """One per process that serves the API. `accepted` tells how many runs the process has taken in so far, `stale` how many writes that came
    too late were refused, by what they were."""

    def __init__(self, hub: Hub, accepted: Callable[[], int], stale: Callable[[], Mapping[Stale, int]] = dict) -> None:
        own = self._registry = CollectorRegistry(auto_describe=True)
        self._requests = Counter(
            "millstream_http_requests", "Requests answered.", ("method", "route", "status"), registry=own
        )
        self._seconds = Histogram(
            "millstream_http_request_seconds", "Until the last byte of the answer.", buckets=_BUCKETS, registry=own
        )
        self._accepted = Counter("millstream_runs_accepted", "Runs taken in by this process.", registry=own)
        self._ended = Counter("millstream_runs_ended", "Runs ended in any process.", ("status",), registry=own)
        self._waiting = Gauge("millstream_dispatch_queue_depth", "Runs that wait to start.", registry=own)
        self._oldest = Gauge("millstream_dispatch_queue_oldest_seconds", "Age of the oldest of them.", registry=own)
        self._refused = Counter(
            "millstream_stale_writes_refused", "Writes of this process that came too late.", ("what",), registry=own
        )
        for what in get_args(Stale):
            self._refused.labels(what)
        self._stale_so_far = stale
        self._stale_told: dict[Stale, int] = {}
        self._accepted_so_far = accepted
        self._told = 0
        self._ends: set[str] = set()
        hub.watch(self._heard)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.observe(seconds)

    async def text(self, db: Database) -> bytes:
        """All figures in Prometheus's text format."""
        accepted = self._accepted_so_far()
        self._accepted.inc(accepted - self._told)
        self._told = accepted
        for what, count in self._stale_so_far().items():
            self._refused.labels(what).inc(count - self._stale_told.get(what, 0))
            self._stale_told[what] = count
        ends, self._ends = self._ends, set()
        try:
            async with db.engine() as connection:
                depth = await queue.depth(connection)
                ended = await run_rows.ended_by_status(connection, [RunId(UUID(run_id)) for run_id in ends])
        except DatabaseUnavailable:
            self._ends |= ends
        else:
            self._waiting.set(depth.waiting)
            self._oldest.set(0 if depth.oldest is None else max(0.0, time.time() - depth.oldest.timestamp()))
            for status, count in ended.items():
                self._ended.labels(status).inc(count)
        return generate_latest(self._registry)

    def _heard(self, notice: Notice | None) -> None:
        if notice is not None and notice.kind is Kind.ENDED and len(self._ends) < _MOST_ENDS:
            self._ends.add(notice.run_id)


class Measured:
    """An ASGI application that counts what the one inside answers."""

    def __init__(self, app: Application, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 499  # nothing was sent: the caller went away

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            # It is answered outside of here, as what nobody foresaw.
            status = 500
            raise
        finally:
            route: object = scope.get("route")
            known = isinstance(route, APIRoute)
            # What nobody declared counts under one name: callers must not be able to make up new ones.
            self._metrics.answered(
                str(scope["method"]) if known else "-",
                route.path_format if isinstance(route, APIRoute) else "-",
                status,
                time.perf_counter() - begun,
            )
