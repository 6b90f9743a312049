"""What goes over the pipes between the pool and its processes: JSON with its length before it.

    request   {"function": "modules.app.file:name", "argument": {…}}
    answer    {"value": …}   or   {"error": {"code", "message", "details", "retryable"}}

The codes `timeout` and `memory` in an answer stand for the caller's own.
"""

from __future__ import annotations

import struct

HEAD = struct.Struct(">I")
LARGEST_ANSWER = 32 * 2**20
"""Bytes. A step's output is at most 20 MiB; an answer beyond this never leaves the process."""
MEMORY = "memory"
ENDED = "ended"
DEEPEST = 210
"""Levels: data has at most 200, the frame adds some of its own."""
