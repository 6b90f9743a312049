"""A layer that is needed and isn't there: no code runs, and one is told which. Without namespaces code runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.sandbox.sandbox import Sandbox

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("layer", ["rlimits", "no_new_privs", "seccomp", "namespaces"])
def test_each_layer_in_turn(layer: str) -> None:
    if layer == "no_new_privs" and os.geteuid() != 0:
        pytest.skip("only root can refuse it without having it itself")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("denied.py")), layer],
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert layer in told["missing"]
    if layer == "namespaces":
        assert told["gave"] == 7
    else:
        assert (told["gave"]["code"], told["gave"]["layer"], bool(told["gave"]["why"])) == (
            "code.unavailable",
            layer,
            True,
        )


async def test_what_is_needed_holds_here(sandbox: Sandbox) -> None:
    layers = {layer.name: layer for layer in await sandbox.layers()}
    assert {name for name, layer in layers.items() if layer.needed} == {
        "system",
        "rlimits",
        "no_new_privs",
        "seccomp",
        "python",
        "javascript",
    }
    assert [layer for layer in layers.values() if layer.needed and not layer.holds] == []
