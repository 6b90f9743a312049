"""Ports on this machine: whether one is free, and a free one that stays the same from start to start."""

import secrets
import socket
from pathlib import Path

_SERVERS = range(20_000, 32_768)
_CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES = 100


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError:
        return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on at this moment. Another server may take it before you do; a client that connects somewhere can't, since
    the system gives those ports above this one's range."""
    first, end = _SERVERS.start, min(_SERVERS.stop, _first_of_clients())
    for _ in range(_TRIES):
        port = first + secrets.randbelow(end - first) if end > first else 0
        if port and is_free(host, port):
            return port
    family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind(address)
        return int(probe.getsockname()[1])


def _first_of_clients() -> int:
    """Where the range begins from which the system takes ports for connections."""
    try:
        return int(_CLIENTS.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _SERVERS.stop


def remembered_port(note: Path, host: str = "127.0.0.1") -> int:
    """The port noted in the file ``note`` if it is still free, else a free one, which is noted."""
    try:
        port = int(note.read_text(encoding="ascii"))
    except (OSError, ValueError):
        port = 0
    if not 0 < port < 65536 or not is_free(host, port):
        port = free_port(host)
        note.write_text(f"{port}\n", encoding="ascii")
    return port
