"""Where the examples are: beside the packages, in the tree that this installation was made from."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
