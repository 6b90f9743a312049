"""The validator's findings as the model reads them: errors first, bounded, marked, since their sentences quote the document."""

from __future__ import annotations

from copilot.tools.marking import marked
from engine.expressions.values import Json

MOST = 20
_BYTES = 8_000


def told(findings: Json) -> dict[str, Json]:
    """`{errors, warnings, list?}` of findings as the engine shows them."""
    rows = [each for each in findings if isinstance(each, dict)] if isinstance(findings, list) else []
    errors = [each for each in rows if each.get("severity") == "error"]
    others = [each for each in rows if each.get("severity") != "error"]
    shown: dict[str, Json] = {"errors": len(errors), "warnings": len(others)}
    if rows:
        listed: list[Json] = [
            {key: value for key, value in each.items() if value is not None} for each in [*errors, *others][:MOST]
        ]
        shown["list"] = marked(listed, "validator", _BYTES)
    return shown
