"""What the routes work with: built once by `server/compose.py`, carried by the application's state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from db.pool import Database
from engine.hub import Hub
from engine.runs.cancel import Canceller
from engine.runs.reading import RunReader
from modules.registry import Registry
from server.api.access import Gate
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    db: Database
    gate: Gate
    hub: Hub
    registry: Registry
    temporal_is_there: Callable[[], bool]
    reader: RunReader
    canceller: Canceller


def services_of(request: Request) -> Services:
    """The dependency by which a handler gets at them."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services
