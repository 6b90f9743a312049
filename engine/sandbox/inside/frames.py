"""What goes over the two kinds of sockets of the sandbox, on both sides.

control (one, SOCK_SEQPACKET, JSON messages)
    to the zygote     {"run": id, "timeout": seconds, "memory": MiB} with the call's socket; {"kill": id}
    from the zygote   {"layers": [...]} once, after its self-test; {"ended": id, "why": …}
call (one each, SOCK_STREAM)
    to the child      its request: length, JSON
    from the child    frames: kind, length, body; nothing after the first `VALUE`, `ERROR` or `PROBLEMS`

The child is hostile as soon as it runs code: whoever reads its frames believes no length and no order.
"""

from __future__ import annotations

import struct

LENGTH = struct.Struct(">I")
FRAME = struct.Struct(">cI")

LOG = b"L"
"""A line: one byte for its level (`LEVELS`), then text."""
VALUE = b"V"
"""JSON."""
ERROR = b"E"
"""JSON `{"code", "message", "details"}`."""
PROBLEMS = b"P"
"""JSON `[[{"line", "column", "message"}]]`, by source."""

LEVELS = {"debug": b"d", "info": b"i", "warning": b"w", "error": b"e"}

LARGEST = 2**20
"""Bytes of JSON that go in, and that come out."""
LARGEST_LOG = 64 * 2**10
LARGEST_SOURCE = 64 * 2**10
LARGEST_ERROR = 16 * 2**10
SHOWN = 2_000
"""Characters of an error's text."""
