"""From a request and what came of it to the row of the call, and back from a row to the answer. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast
from uuid import UUID

from db.copilot_llm_calls import Call, End, EndStatus, Start, UsageSource
from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from workspace.egress.adapters.llm_exchange import ModelRefused
from workspace.llm.answer import Answer, Hears, clean
from workspace.llm.asking import Ask, ModelProblem, Purpose, Said, ToolCall, Usage
from workspace.llm.call_log import shown
from workspace.llm.endpoint import Endpoint
from workspace.llm.request import hash_of_tools, parameters_of
from workspace.secrets.redactor import Redactor


@dataclass(frozen=True, slots=True)
class Request:
    purpose: Purpose
    ask: Ask
    model: str
    endpoint: Endpoint
    redactor: Redactor
    hears: Hears | None


@dataclass(slots=True)
class Work:
    """What is known of a request while it is under way. `first`: when the first piece came, by the process's own clock."""

    sent: float
    answer: Answer
    first: float | None = None
    status: int | None = None
    request_id: str | None = None


def started(request: Request, call_id: UUID, body: JsonObject) -> Start:
    purpose, prompt, temporal = request.purpose, request.purpose.prompt, request.purpose.temporal
    return Start(
        workspace_id=purpose.workspace_id,
        call_id=call_id,
        purpose=purpose.purpose,
        host=request.endpoint.host,
        request_model=request.model,
        request=shown(request.redactor, body),
        parameters=parameters_of(body),
        subject=purpose.subject,
        user_id=purpose.user_id,
        conversation_id=purpose.conversation_id,
        turn_id=purpose.turn_id,
        message_id=purpose.message_id,
        run_id=purpose.run_id,
        path=purpose.path,
        step=purpose.step,
        attempt=purpose.attempt,
        parent_id=purpose.parent_id,
        prompt_name=None if prompt is None else prompt.name,
        prompt_version=None if prompt is None else prompt.version,
        prompt_hash=None if prompt is None else prompt.hash,
        tools_hash=hash_of_tools(body),
        temporal_workflow_id=None if temporal is None else temporal[0],
        temporal_run_id=None if temporal is None else temporal[1],
        trace_id=purpose.trace_id,
    )


def ended(
    request: Request,
    work: Work,
    status: EndStatus,
    problem: ModelProblem | None,
    error: BaseException | None,
) -> End:
    """With what came so far, where something did."""
    answer, refusal = work.answer, error if isinstance(error, ModelRefused) else None
    usage = answer.usage or Usage()
    partial = answer.text or answer.tool_calls
    return End(
        status=status,
        response=request.redactor.json(response_of(answer, answer.text, answer.tool_calls, spoken=False))
        if partial
        else None,
        response_model=answer.model,
        response_id=answer.id,
        finish_reasons=None if answer.finish is None else [answer.finish],
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        reasoning_tokens=usage.reasoning,
        usage_source=usage.source,
        first_chunk_ms=None if work.first is None else (work.first - work.sent) * 1000,
        chunks=answer.chunks,
        http_status=work.status if refusal is None else refusal.status,
        error=None if problem is None else {"code": problem.code, "message": request.redactor.text(problem.message)},
        retry_after_s=None if problem is None else problem.retry_after,
        request_id=_word(work.request_id if refusal is None else refusal.request_id),
    )


def hidden(redactor: Redactor, text: str, calls: tuple[ToolCall, ...]) -> tuple[str, tuple[ToolCall, ...]]:
    """As its row keeps it: whoever gets the answer from there gets the same."""
    return redactor.text(text), tuple(replace(call, arguments=redactor.text(call.arguments)) for call in calls)


def response_of(answer: Answer, text: str, calls: tuple[ToolCall, ...], *, spoken: bool) -> JsonObject:
    made: list[Json] = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]
    message: JsonObject = {"role": "assistant", "content": text}
    if made:
        message["tool_calls"] = made
    response: JsonObject = {
        "id": answer.id,
        "model": answer.model,
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish}],
    }
    if spoken:
        response["as_said"] = answer.text
    return response


def kept(redactor: Redactor, response: JsonObject) -> Json:
    """As its row keeps it; `masked` where that isn't what was said."""
    clean = redactor.json(response)
    return clean if clean is response or not isinstance(clean, dict) else {**clean, "masked": True}


def stored(call: Call, body: Json) -> Said | None:
    """The answer that a row keeps; None where its body is past its time."""
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return None
    found: list[ToolCall] = []
    calls = message.get("tool_calls")
    for one in calls if isinstance(calls, list) else []:
        function = one.get("function") if isinstance(one, dict) else None
        if isinstance(one, dict) and isinstance(function, dict):
            found.append(ToolCall(str(one.get("id")), str(function.get("name")), str(function.get("arguments"))))
    usage = Usage(
        call.input_tokens,
        call.output_tokens,
        call.cache_read_tokens,
        call.cache_write_tokens,
        call.reasoning_tokens,
        cast("UsageSource | None", call.usage_source),
    )
    text = message.get("content")
    return Said(
        call.call_id,
        text if isinstance(text, str) else "",
        tuple(found),
        (call.finish_reasons or ["stop"])[0],
        None,
        usage,
        call.cost_usd,
        call.response_model or call.request_model,
    )


def estimated(usage: Usage, body: JsonObject, answer: Answer) -> Usage:
    """Four bytes a token, about: of what the server doesn't tell."""
    made = len(answer.text.encode("utf-8", "replace")) + sum(len(call.arguments) for call in answer.tool_calls)
    return replace(
        usage,
        input=-(-len(dumps(body.get("messages"))) // 4) if usage.input is None else usage.input,
        output=-(-made // 4) if usage.output is None else usage.output,
        source="estimated",
    )


def _word(text: str | None) -> str | None:
    return None if text is None else clean(text)
