"""Which runs a list, a bulk replay or a bulk cancel means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from db import workspaces
from db.connection import Connection
from db.ids import WorkspaceId
from db.record import RunStatus
from db.run_rows import RunFilter
from db.search_words import MAX_ASKED, question_words
from engine.expressions.nearest import suggestion
from engine.expressions.values import Json
from engine.problems import Invalid, NotFound
from engine.runs.lookup import find_workflow
from engine.triggers.input import TYPES

_KEYS = ("workflow", "status", "version", "trigger", "from", "to", "test", "pinned", "q")
_STATUSES: tuple[RunStatus, ...] = ("queued", "running", "waiting", "succeeded", "failed", "cancelled", "timed_out")


async def read_filter(conn: Connection, workspace_id: WorkspaceId, given: Mapping[str, Json]) -> RunFilter:
    """`{workflow, status, version, trigger, from, to, test, pinned, q}`, each optional; several states as a list or with commas.

    Raises `Invalid` for what can't be meant, `NotFound` for an unknown workflow.
    """
    for key in given:
        if key not in _KEYS:
            raise Invalid("filter.invalid", f"There is no filter {key!r}.{suggestion(key, _KEYS)}")
    workflow_id = None
    reference = _text(given, "workflow")
    if reference is not None:
        workflow = await find_workflow(conn, workspace_id, reference)
        if workflow is None:
            raise NotFound("workflow", reference)
        workflow_id = workflow.workflow_id
    trigger = _text(given, "trigger")
    if trigger is not None and trigger not in TYPES:
        raise Invalid(
            "filter.invalid", f"There are no runs of trigger {trigger!r}; types are {', '.join(sorted(TYPES))}."
        )
    question = _question(given)
    if question is not None and await workspaces.encrypts_logs(conn, workspace_id):
        raise Invalid(
            "search.encrypted",
            "This workspace keeps the data of its runs encrypted (`encrypt_logs`), so `q` can't look into it. Ask by `workflow`, `status`, "
            "`from` and `to`, and read the runs.",
        )
    return RunFilter(
        workflow_id=workflow_id,
        statuses=_statuses(given.get("status")),
        version=_version(given.get("version")),
        trigger_type=trigger,
        since=moment_in(given, "from"),
        until=moment_in(given, "to"),
        test=_flag(given, "test"),
        pinned=_flag(given, "pinned"),
        question=question,
    )


def _question(given: Mapping[str, Json]) -> str | None:
    question = _text(given, "q")
    if question is None or not question.strip():
        return None
    words = question_words(question)
    if not words:
        raise Invalid("filter.invalid", f"`q` is {question!r}, which holds no word: letters or digits are looked for.")
    if len(words) > MAX_ASKED:
        raise Invalid("filter.invalid", f"`q` holds {len(words)} words; at most {MAX_ASKED} can be looked for at once.")
    return question


def _flag(given: Mapping[str, Json], key: str) -> bool | None:
    value = given.get(key)
    if value is None or value == "":
        return None
    for flag, texts in ((True, ("true", "1", "yes")), (False, ("false", "0", "no"))):
        if value is flag or value in texts:
            return flag
    raise Invalid("filter.invalid", f"{key!r} is {value!r}; it must be true or false.")


def _statuses(given: Json) -> tuple[RunStatus, ...] | None:
    if given is None or given == "":
        return None
    names = given if isinstance(given, list) else str(given).split(",")
    return tuple(_status(name.strip() if isinstance(name, str) else name) for name in names)


def _status(name: Json) -> RunStatus:
    for one in _STATUSES:
        if one == name:
            return one
    raise Invalid("filter.invalid", f"{name!r} is no state of a run; states are {', '.join(_STATUSES)}.")


def _version(given: Json) -> int | None:
    if given is None or given == "":
        return None
    if given == "draft":
        return 0
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 10:
        return int(given)
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**31:
        return given
    raise Invalid("filter.invalid", f"`version` is {given!r}; it must be `draft` or a number.")


def moment_in(given: Mapping[str, Json], key: str) -> datetime | None:
    """A time of a filter; one without a zone is UTC. Raises `Invalid`."""
    text = _text(given, key)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("filter.invalid", f"{key!r} is {text!r}; it must be a time as 2026-01-31T08:00:00Z.") from None


def _text(given: Mapping[str, Json], key: str) -> str | None:
    value = given.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Invalid("filter.invalid", f"{key!r} must be text.")
    return value
