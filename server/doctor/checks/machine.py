"""This machine: room on the disk, the port, the program's own version."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from server.doctor.check import Check
from server.embedded.program import status_of
from server.settings import Settings
from server.version import product_version

_ROOM, _LITTLE = 5 * 2**30, 2**29


async def check(settings: Settings) -> Sequence[Check]:
    return [
        Check("versions", "ok", f"Millstream {product_version()} on Python {sys.version.split()[0]}"),
        _disk(settings.home),
        await _port(settings),
    ]


def _disk(home: Path) -> Check:
    place = home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    told = f"{free / 2**30:.1f} GB are free where {str(home)!r} is"
    if free < _LITTLE:
        return Check("disk", "broken", told, "make room: runs can't be recorded on a full disk")
    if free < _ROOM:
        return Check("disk", "note", told, "make room, or let workflows keep their runs for fewer days")
    return Check("disk", "ok", told)


async def _port(settings: Settings) -> Check:
    if await status_of(f"{settings.local_url}/healthz") == 200:
        return Check("ports", "ok", f"the API answers at {settings.local_url}")
    if settings.port == 0:
        return Check("ports", "ok", "the API's port is chosen at its start")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            found = f"the API can't listen on {settings.host}:{settings.port}: {error.strerror}"
            return Check("ports", "broken", found, "set MILLSTREAM_PORT to a free port, or end what holds this one")
    return Check("ports", "note", f"nothing listens at {settings.local_url}", "millstream up")
