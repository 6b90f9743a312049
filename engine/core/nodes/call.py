"""A module whose code runs outside the workflow: the carrier makes the call, resolves its inputs and writes its row."""

from __future__ import annotations

from engine.core.node import Node

NODE = Node()
