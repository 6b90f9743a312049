"""`files.delete`: takes a file away."""

from __future__ import annotations

from modules.files.inputs.fields import FILE_ID
from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of


async def run(inputs: JsonObject, context: Context) -> Result:
    file_id = str(inputs["file_id"])
    gone = await context.files.delete(file_id, operation=context.idempotency_key)
    return Result({"file_id": file_id, "deleted": gone})


MODULE = Module(
    name="files.delete",
    version=1,
    title="Delete a file",
    manual=(
        "Takes a file away, for all workflows of the workspace, and gives `{file_id, deleted}`: `deleted` is false where there was no such "
        "file. A repeat of the step gives the first answer again."
    ),
    kind="action",
    input_schema=object_of({"file_id": FILE_ID}, ["file_id"]),
    output_schema=object_of({"file_id": {"type": "string"}, "deleted": {"type": "boolean"}}, ["file_id", "deleted"]),
    example=Example(
        inputs={"file_id": "01993b5c-5d7e-7c4e-9a55-0d6a1f8f2b11"},
        output={"file_id": "01993b5c-5d7e-7c4e-9a55-0d6a1f8f2b11", "deleted": True},
        runnable=False,
    ),
    effect=Effect.WRITE,
    idempotent=True,
    run=run,
)
