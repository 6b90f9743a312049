"""The shapes of the log of model calls, of prices and of budgets: see `shapes.py`."""

from __future__ import annotations

from server.api.shapes import (
    ANY,
    ID,
    MAYBE_ID,
    MAYBE_TEXT,
    MAYBE_TIME,
    OBJECT,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    closed,
    listed,
    listing,
    maybe,
    one_of,
)

_MAYBE_WHOLE: Schema = {"type": ["integer", "null"], "minimum": 0}
_MAYBE_NUMBER: Schema = {"type": ["number", "null"], "minimum": 0}
_USD: Schema = {"type": "number", "minimum": 0, "description": "Dollars for a million tokens."}
_MAYBE_USD: Schema = {"type": ["number", "null"], "minimum": 0, "description": "Null: as other input."}

_CALL: dict[str, Schema] = {
    "call_id": ID,
    "purpose": one_of("chat", "build", "explain", "fix", "compact", "title", "judge", "module", "probe"),
    "subject": MAYBE_TEXT,
    "status": one_of("started", "ok", "error", "cancelled", "interrupted"),
    "user_id": {"type": ["integer", "null"]},
    "conversation_id": MAYBE_ID,
    "turn_id": MAYBE_ID,
    "message_id": MAYBE_ID,
    "run_id": MAYBE_ID,
    "path": {**MAYBE_TEXT, "description": "Of the workflow's step that asked."},
    "step": WHOLE,
    "attempt": WHOLE,
    "parent_id": {**MAYBE_ID, "description": "The call that this one mends or belongs to."},
    "provider": MAYBE_TEXT,
    "host": TEXT,
    "api": TEXT,
    "request_model": TEXT,
    "response_model": MAYBE_TEXT,
    "response_id": MAYBE_TEXT,
    "prompt_name": MAYBE_TEXT,
    "prompt_version": MAYBE_TEXT,
    "prompt_hash": MAYBE_TEXT,
    "parameters": OBJECT,
    "request_hash": TEXT,
    "response_hash": MAYBE_TEXT,
    "tools_hash": MAYBE_TEXT,
    "finish_reasons": maybe(listed(TEXT)),
    "input_tokens": _MAYBE_WHOLE,
    "output_tokens": _MAYBE_WHOLE,
    "cache_read_tokens": _MAYBE_WHOLE,
    "cache_write_tokens": _MAYBE_WHOLE,
    "reasoning_tokens": _MAYBE_WHOLE,
    "usage_source": {"enum": ["endpoint", "estimated", None]},
    "cost_usd": {**_MAYBE_NUMBER, "description": "Null where the price isn't known."},
    "price_source": {"enum": ["workspace", "genai-prices", None]},
    "price_version": MAYBE_TEXT,
    "started_at": TIME,
    "first_chunk_at": MAYBE_TIME,
    "finished_at": MAYBE_TIME,
    "time_to_first_token_ms": _MAYBE_NUMBER,
    "duration_ms": _MAYBE_NUMBER,
    "chunks": _MAYBE_WHOLE,
    "http_status": _MAYBE_WHOLE,
    "error": {**ANY, "description": "`{code, message}`, null where there is none."},
    "retry_after_s": _MAYBE_NUMBER,
    "request_id": MAYBE_TEXT,
    "temporal_workflow_id": MAYBE_TEXT,
    "temporal_run_id": MAYBE_TEXT,
    "trace_id": MAYBE_TEXT,
}

LLM_REQUESTS: dict[str, Schema] = {
    "NewLlmPrice": closed(
        {
            "model": {"type": "string", "minLength": 1, "maxLength": 200},
            "input_usd": _USD,
            "output_usd": _USD,
        },
        {"cache_read_usd": _MAYBE_USD, "cache_write_usd": _MAYBE_USD},
    ),
    "NewLlmBudget": closed(
        {},
        {
            "daily_tokens": {**_MAYBE_WHOLE, "description": "Null: what the installation says."},
            "daily_usd": {**_MAYBE_NUMBER, "description": "Null: what the installation says."},
        },
    ),
}

LLM_ANSWERS: dict[str, Schema] = {
    "LlmCall": closed(_CALL),
    "LlmCallList": listing("LlmCall"),
    "WholeLlmCall": closed(
        {
            **_CALL,
            "request": {**ANY, "description": "What was sent, without secrets; null once it is kept no longer."},
            "response": {**ANY, "description": "What came, as far as it did; null once it is kept no longer."},
        }
    ),
    "LlmPrice": closed(
        {
            "model": TEXT,
            "input_usd": _USD,
            "output_usd": _USD,
            "cache_read_usd": _MAYBE_USD,
            "cache_write_usd": _MAYBE_USD,
            "updated_at": TIME,
        }
    ),
    "LlmPriceList": listing("LlmPrice"),
    "LlmBudget": closed({"daily_tokens": _MAYBE_WHOLE, "daily_usd": _MAYBE_NUMBER}),
}
