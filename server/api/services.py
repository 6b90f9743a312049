"""What the routes work with: built once by `server/compose.py`, carried by the application's state."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from server.api.access import Gate, Rights
from server.compose import Engine
from server.metrics import Metrics
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    engine: Engine
    gate: Gate
    rights: Rights
    metrics: Metrics


def services_of(request: Request) -> Services:
    """The dependency by which a handler gets at them."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


def engine_of(request: Request) -> Engine:
    """The dependency for handlers that need the engine alone, which is most of them."""
    return services_of(request).engine


def rights_of(request: Request) -> Rights:
    """The dependency for handlers that say what a key may be narrowed to."""
    return services_of(request).rights
