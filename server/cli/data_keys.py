"""`keys rotate-data` and `keys drop-data`: another data key for workspaces, and an end to old ones. For whoever runs the installation."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.database import database_url_of
from server.cli.loop import run
from server.cli.output import CliError, JsonOption, Out
from server.settings import Settings, load_settings

if TYPE_CHECKING:
    from workspace.data_rotation import DataRotation, Examined, Rotated

WorkspaceOption = Annotated[str | None, typer.Option("--workspace", help="Its slug; all of them unless given.")]


def add_data_keys(nouns: typer.Typer) -> None:
    """To the commands of `keys`."""

    @nouns.command(name="rotate-data")
    def rotate_data(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
        """Another data key, and what is at rest encrypted anew, while everything works on. Where it died, the same command goes on."""
        from db.errors import DatabaseError
        from workspace.keys import KeyProblem

        try:
            done = run(_rotated(load_settings(), workspace))
        except (DatabaseError, KeyProblem) as error:
            raise CliError(str(error)) from error
        out = Out(as_json)
        if as_json:
            out.json(
                [
                    {"workspace": one.workspace, "key": one.number, "values": one.values, "unreadable": one.unreadable}
                    for one in done
                ]
            )
        for one in done:
            out.text(f"{one.workspace}: key {one.number} is in use; {one.values} values are encrypted anew.")
        if not done:
            out.text("There is no data key yet: the first secret makes it.")
        unreadable = [f"{one.workspace}: {place}" for one in done for place in one.unreadable]
        for place in unreadable:
            out.note(f"{place} doesn't open")
        if unreadable:
            raise CliError(
                f"{len(unreadable)} values don't open, and stay as they are",
                "they were changed in the database, or moved from another row: set them anew",
            )

    @nouns.command(name="drop-data")
    def drop_data(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
        """Delete data keys that nothing needs any more: nothing at rest, no open run, no history. Says why the others stay."""
        from db.errors import DatabaseError
        from workspace.keys import KeyProblem

        try:
            found = run(_dropped(load_settings(), workspace))
        except (DatabaseError, KeyProblem) as error:
            raise CliError(str(error)) from error
        out = Out(as_json)
        if as_json:
            out.json([{"workspace": one.workspace, "key": one.number, "kept": one.why} for one in found])
        for one in found:
            fate = "is deleted" if one.why is None else f"stays: {one.why}"
            out.text(f"{one.workspace}: key {one.number} {fate}.")
        if not found:
            out.text("There are no older data keys.")


async def _rotated(settings: Settings, slug: str | None) -> Sequence[Rotated]:
    async with _rotation(settings, slug) as rotation:
        return await rotation.rotate(slug)


async def _dropped(settings: Settings, slug: str | None) -> Sequence[Examined]:
    kept_s = await _histories_kept_s(settings)
    async with _rotation(settings, slug) as rotation:
        return await rotation.drop(kept_s, slug)


@asynccontextmanager
async def _rotation(settings: Settings, slug: str | None) -> AsyncGenerator[DataRotation]:
    from db.pool import Database
    from db.workspaces import by_slug
    from server.compose import master_key
    from server.failpoints import failing_database, failpoints_of
    from workspace.data_rotation import DataRotation

    url = database_url_of(settings)
    if settings.master_key is None and not settings.master_key_path.exists():
        raise CliError(f"there is no master key at {str(settings.master_key_path)!r}")
    db = await Database.open(url, min_size=1, max_size=2, application="rotate-data")
    try:
        async with db.engine() as connection:
            if slug is not None and await by_slug(connection, slug) is None:
                raise CliError(f"there is no workspace {slug!r}")
        yield DataRotation(failing_database(db, failpoints_of(settings)), master_key(settings))
    finally:
        await db.close()


async def _histories_kept_s(settings: Settings) -> float:
    """For how long Temporal keeps the history of what has ended. Without its answer no key goes."""
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
    from temporalio.service import RPCError

    from server.embedded.state import read_state
    from server.temporal import connect
    from server.version import product_version

    address = settings.temporal_address or read_state(settings.home, product_version()).temporal_address
    if address is None:
        raise CliError(
            "there is no Temporal server to ask how long it keeps histories: MILLSTREAM_TEMPORAL_ADDRESS is not set"
        )
    settings = settings.model_copy(update={"temporal_address": address})
    try:
        client = await connect(settings)
        told = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=settings.temporal_namespace)
        )
    except (RPCError, RuntimeError) as error:
        raise CliError(f"Temporal doesn't say how long it keeps histories, so no key is deleted: {error}") from error
    return told.config.workflow_execution_retention_ttl.ToTimedelta().total_seconds()
