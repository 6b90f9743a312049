"""Whose a lease is: a name for one worker of queues in one process."""

from __future__ import annotations

import os
import secrets
import socket


def new_holder() -> str:
    """Host and process, for an operator who reads the row, and chance, since both come again."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
