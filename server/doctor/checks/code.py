"""The wall round users' code: which of its layers this machine gives."""

from __future__ import annotations

from collections.abc import Sequence

from engine.sandbox.layers import Layer
from engine.sandbox.sandbox import Sandbox
from server.doctor.check import Check


async def check() -> Sequence[Check]:
    async with Sandbox() as sandbox:
        return [_of(layer) for layer in await sandbox.layers()]


def _of(layer: Layer) -> Check:
    if layer.holds:
        return Check("code", "ok", f"the wall round users' code has its layer {layer.name!r}")
    if layer.needed:
        found = f"steps with code refuse to run: the wall round them lacks {layer.name!r} ({layer.why})"
        return Check("code", "broken", found, "let the host give it; workflows without such steps run")
    found = f"the wall round users' code lacks {layer.name!r} ({layer.why}); the other layers hold"
    return Check("code", "note", found, "allow unprivileged user namespaces, or leave it: code runs without")
