"""`core.try`: steps whose failure is caught."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.try",
    version=1,
    title="Try",
    manual=(
        "Runs the slot `body`; when a step of it fails, the slot `catch` runs and sees `error` (`{code, message, "
        "step, details}`). The slot `finally` runs in every case, also when the run is cancelled or stopped. "
        "Without `catch` the try fails after `finally`; an error in `catch` replaces the first. The output is "
        "`{status, error, output}`: `succeeded` with the result of body, or `caught` with that of catch."
    ),
    kind="control",
    input_schema=object_of({}),
    output_schema=object_of(
        {
            "status": {"enum": ["succeeded", "caught"]},
            "error": {"type": ["object", "null"]},
            "output": {"description": "of the last step of the slot that ended it; null where it has none or several"},
        },
        ["status", "error", "output"],
    ),
    example=Example(
        inputs={},
        output={
            "status": "caught",
            "error": {"code": "http.404", "message": "nothing is there", "step": "risky.ask", "details": {}},
            "output": None,
        },
        runnable=False,
    ),
    slots=("body", "catch", "finally"),
)
