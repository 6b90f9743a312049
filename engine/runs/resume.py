"""Bodies posted to the address of an event step: checked, kept, and told to the run. Looking at the address never resumes.

An event step is a `core.wait_for_event`, or a `human.approve`, which asks for a decision and gives each person an address of their own.

The token in the address is the only right that is needed; it names the run and the step, and is signed with the run's own secret. A body may
come before the step waits, which ends its wait at once. The first body stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from db import documents, resumes, run_rows, steps
from db.errors import DatabaseUnavailable
from db.ids import RunId
from db.pool import Database
from db.run_rows import RunRow
from engine.core.compiled import CompiledJson
from engine.core.frame import EVENT_STEPS
from engine.core.from_rows import segments_of
from engine.core.nodes import approve
from engine.core.plan import build_plan
from engine.core.resume import parse_token, verify
from engine.dispatch.dispatcher import Dispatcher
from engine.expressions.values import Json
from engine.hub import Hub
from engine.input_check import check
from engine.problems import Invalid, Problem, Unavailable
from engine.runs.approval import answer_schema, approval_form, as_answer, needed, told
from engine.runs.form import Form, form_schema, read_form, read_posted, render_form, render_note
from engine.runs.reading import run_id_of
from engine.runs.stored import shown
from engine.spec.document import Step
from engine.triggers.body import parse_body
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Address:
    """The step that a token names, and whose address it is, if it is a person's. `over`: it waits no more. `asked`: what it was given to ask."""

    run: RunRow
    path: str
    step: Step
    over: bool
    who: str | None
    asked: Json

    @property
    def approves(self) -> bool:
        return self.step.module == approve.MODULE

    @property
    def form(self) -> Form:
        if self.approves:
            return approval_form(self.step, self.asked)
        return read_form(self.step.inputs.get("form"), self.step.inputs.get("schema"), self.step.title or self.step.id)


class Resumer:
    """`secret_of` gives what a run's addresses are signed with."""

    def __init__(self, db: Database, hub: Hub, dispatcher: Dispatcher, secret_of: Callable[[str], bytes]) -> None:
        self._db = db
        self._hub = hub
        self._dispatcher = dispatcher
        self._secret_of = secret_of

    async def page(self, token: str) -> tuple[int, str]:
        """The status and the page that a browser gets: the form, or why there is none any more. Raises `Problem` 404, 503."""
        address = await self._address(token)
        earlier = await self._earlier(address) if address.approves or address.over else None
        if earlier is not None and address.approves:
            return 410, render_note(address.form.title, told(earlier))
        if address.over:
            return 410, render_note("This is over", "The workflow doesn't wait for an answer here any more.")
        return 200, render_form(address.form)

    async def post(self, token: str, body: bytes, content_type: str | None) -> JsonObject:
        """`{run_id}`. Raises `Problem`: 404 no such address, 400/413/415/422 the body, 409 the second one, 410 over, 503."""
        address = await self._address(token)
        await self._take(address, body, content_type)
        return {"run_id": str(address.run.run_id)}

    async def post_page(self, token: str, body: bytes, content_type: str | None) -> tuple[int, str]:
        """The same for a browser, which gets a page: what was taken, or the form again with what is wrong. Raises `Problem` 404, 503."""
        address = await self._address(token)
        try:
            answer = await self._take(address, body, content_type)
        except Invalid as problem:
            return problem.status, render_form(address.form, _mistakes(problem), _values(body, content_type))
        except Problem as problem:
            if problem.status in (404, 503):
                raise
            earlier = await self._earlier(address) if address.approves else None
            return problem.status, render_note(address.form.title, told(earlier) or problem.detail)
        return 200, render_note(
            address.form.title, told(answer) if address.approves else "Thank you, your answer was taken."
        )

    async def _take(self, address: Address, body: bytes, content_type: str | None) -> Json:
        """Gives the body as it is kept."""
        if address.over:
            await self._refuse(address)
        posted = parse_body(body, content_type)
        value = await _checked(address, posted, content_type, len(body))
        try:
            async with self._db.single() as conn:
                said = await resumes.post(conn, address.run.workspace_id, address.run.run_id, address.path, value)
        except DatabaseUnavailable as error:
            raise Unavailable from error
        match said:
            case "posted":
                self._hub.publish(address.run.workspace_id, str(address.run.run_id))
                self._dispatcher.deliver()
                return value
            case "second":
                raise _second(address, await self._earlier(address))
            case "ended" | "unknown":
                raise _over(address)

    async def _address(self, token: str) -> Address:
        parsed = parse_token(token)
        if parsed is None or not verify(parsed, self._secret_of(parsed.run_id)):
            raise _unknown()
        run_id: RunId = run_id_of(parsed.run_id)
        try:
            async with self._db.single() as conn:
                run = await run_rows.get(conn, run_id)
                if run is None:
                    raise _unknown()
                kept = await documents.get(conn, run.workspace_id, run.compiled_hash)
                row = await steps.newest(conn, run.workspace_id, run_id, parsed.path)
                (asked,) = await shown(conn, run.workspace_id, run_id, [None if row is None else row.input])
        except DatabaseUnavailable as error:
            raise Unavailable from error
        segments = segments_of(parsed.path)
        if kept is None or not segments:
            raise _unknown()
        step = build_plan(cast("CompiledJson", kept.compiled)).document.steps.get(segments[-1][0])
        if step is None or step.module not in EVENT_STEPS or (parsed.who is not None and step.module != approve.MODULE):
            raise _unknown()
        # One that failed and is tried again waits again.
        over = run.finished_at is not None or (row is not None and row.finished_at is not None and row.retry_at is None)
        return Address(run, parsed.path, step, over, parsed.who, asked)

    async def _earlier(self, address: Address) -> Json:
        """The answer that was given, None if none was."""
        try:
            async with self._db.single() as conn:
                earlier = await resumes.get(conn, address.run.workspace_id, address.run.run_id, address.path)
        except DatabaseUnavailable as error:
            raise Unavailable from error
        return None if earlier is None else earlier.body

    async def _refuse(self, address: Address) -> None:
        try:
            async with self._db.single() as conn:
                earlier = await resumes.get(conn, address.run.workspace_id, address.run.run_id, address.path)
        except DatabaseUnavailable as error:
            raise Unavailable from error
        raise _over(address) if earlier is None else _second(address, earlier.body)


async def _checked(address: Address, posted: Json, content_type: str | None, size: int) -> Json:
    """The value that the step gives, held against its schema, or its form's."""
    if address.approves:
        form = needed(address.form, posted)
        value = read_posted(form, _pairs(posted)) if _is_form(content_type) else posted
        wrong = await check(answer_schema(form), value, size=size)
        if wrong:
            raise Invalid("input.invalid", "The body isn't what the step asks for.", extra={"errors": wrong})
        assert isinstance(value, dict)
        return as_answer(value, address.who)
    declared = address.step.inputs.get("schema")
    has_form = isinstance(address.step.inputs.get("form"), dict)
    value = posted
    if (has_form or isinstance(declared, dict)) and _is_form(content_type):
        value = read_posted(address.form, _pairs(posted))
    wrong: list[Json] = []
    if has_form:
        wrong = await check(form_schema(address.form), value, size=size)
    if not wrong and isinstance(declared, dict):
        wrong = await check(declared, value, size=size)
    if not wrong and declared is False:
        wrong = [{"path": "", "message": "Nothing is accepted here."}]
    if len(dumps(value)) > 20 * 2**20:
        raise Problem(413, "body.too_large", "The body is larger than 20 MB.")
    if wrong:
        raise Invalid("input.invalid", "The body isn't what the step asks for.", extra={"errors": wrong})
    return value


def _mistakes(problem: Invalid) -> str:
    errors = problem.extra.get("errors")
    listed = [
        f"{str(each.get('path', '')).lstrip('/')}: {each.get('message')}"
        if each.get("path")
        else str(each.get("message"))
        for each in (errors if isinstance(errors, list) else [])
        if isinstance(each, dict)
    ]
    return "; ".join(listed) or problem.detail


def _values(body: bytes, content_type: str | None) -> JsonObject:
    """What was typed, to be shown again."""
    return dict[str, Json](_pairs(parse_body(body, content_type)))


def _is_form(content_type: str | None) -> bool:
    return (content_type or "").partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"


def _pairs(posted: Json) -> Sequence[tuple[str, str]]:
    """Posted texts by name; of a name that came several times, the last."""
    pairs: list[tuple[str, str]] = []
    for name, value in (posted if isinstance(posted, dict) else {}).items():
        last = value[-1] if isinstance(value, list) and value else value
        if isinstance(last, str):
            pairs.append((name, last))
    return pairs


def _unknown() -> Problem:
    return Problem(404, "resume.unknown", "There is nothing under this address.")


def _second(address: Address, earlier: Json) -> Problem:
    said = told(earlier) if address.approves else ""
    return Problem(
        409,
        "resume.answered",
        f"Somebody has answered here already. {said}".strip(),
        extra={"run_id": str(address.run.run_id)},
    )


def _over(address: Address) -> Problem:
    return Problem(
        410, "resume.over", "The workflow doesn't wait here any more.", extra={"run_id": str(address.run.run_id)}
    )
