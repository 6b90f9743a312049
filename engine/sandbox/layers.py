"""The layers of the wall round code of users, and whether each holds on this machine.

A needed one that doesn't hold means that no code runs: `code.unavailable`. Those that aren't needed are taken where the host gives them.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

from modules.sdk.json import Json


@dataclass(frozen=True, slots=True)
class Layer:
    """`why` it doesn't hold, for an operator; None where it does."""

    name: str
    holds: bool
    needed: bool
    why: str | None


def layer_of(told: Json) -> Layer:
    """From a zygote's report."""
    if not isinstance(told, dict):
        raise TypeError("a layer is an object")
    why = told["why"]
    return Layer(str(told["name"]), why is None, told["needed"] is True, None if why is None else str(why))


def system_layer() -> Layer:
    """What the walls are built of."""
    system, machine = platform.system(), platform.machine()
    fits = system == "Linux" and machine in ("x86_64", "aarch64")
    return Layer(
        "system",
        fits,
        True,
        None if fits else f"code runs on Linux on x86_64 or aarch64; this is {system} on {machine}",
    )


def missing(layers: tuple[Layer, ...]) -> Layer | None:
    """The first that is needed and doesn't hold."""
    return next((layer for layer in layers if layer.needed and not layer.holds), None)
