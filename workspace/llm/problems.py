"""What a model server's errors mean: one code each, and whether the same request is worth another try.

Servers agree on statuses, and on little else: which of several things a 400 means is told by its code, or its text alone.
"""

from __future__ import annotations

import re

from modules.sdk.verdicts import ModuleError
from workspace.egress.adapters.llm_exchange import ModelRefused, ModelUnreached
from workspace.llm.asking import ModelProblem

_CONTEXT = re.compile(
    r"context.?(length|window|size)|maximum context|too many tokens|prompt is too long|input is too long|exceeds? the (maximum|model)",
    re.IGNORECASE,
)
_FILTER = re.compile(r"content.?(filter|policy|management)|moderation", re.IGNORECASE)
_NO_MODEL = re.compile(
    r"model.{0,120}(not.?found|does ?n.t exist|not exist|not supported|unknown|invalid)|unknown model", re.IGNORECASE
)
_AGAIN = frozenset((408, 409, 425))


def refused(error: ModelRefused, host: str, model: str) -> ModelProblem:
    """Of an answer with an error."""
    said = error.message or "it doesn't say why"
    words = f"{error.code} {error.message}"
    status = error.status
    if status in (401, 403) and not _FILTER.search(words):
        return ModelProblem(
            "llm.key",
            f"The model server at {host!r} refuses the key (status {status}: {said}): whoever set it should give a valid one.",
            status=status,
        )
    if status == 429:
        spent = "quota" in words.lower() or "billing" in words.lower()
        hint = "its account has nothing left: somebody has to add credit" if spent else "it is asked too often"
        return ModelProblem(
            "llm.rate",
            f"The model server at {host!r} takes no more requests now, {hint} ({said}).",
            status=status,
            retry=not spent,
            retry_after=error.retry_after,
        )
    if status in _AGAIN or status >= 500:
        return ModelProblem(
            "llm.server",
            f"The model server at {host!r} has trouble (status {status}: {said}).",
            status=status,
            retry=True,
            retry_after=error.retry_after,
        )
    if _CONTEXT.search(words) or status == 413:
        return ModelProblem(
            "llm.context",
            f"The request is longer than the model {model!r} reads at once ({said}): send less, or choose a model that reads more.",
            status=status,
        )
    if _FILTER.search(words):
        return ModelProblem(
            "llm.filtered", f"The model server at {host!r} refuses the content ({said}).", status=status
        )
    if status == 404 or _NO_MODEL.search(words):
        return ModelProblem(
            "llm.model_unknown",
            f"The model server at {host!r} knows no model {model!r}, or isn't at this address (status {status}: {said}).",
            status=status,
        )
    return ModelProblem(
        "llm.refused", f"The model server at {host!r} refuses the request (status {status}: {said}).", status=status
    )


def unreached(error: ModelUnreached, host: str) -> ModelProblem:
    """No whole answer came."""
    if error.why == "timeout":
        return ModelProblem("llm.timeout", f"The model server at {host!r} said nothing in time.", retry=True)
    if error.why == "broken":
        return ModelProblem(
            "llm.cut", f"The connection to the model server at {host!r} broke in the middle of the answer.", retry=True
        )
    return ModelProblem("llm.server", f"The model server at {host!r} can't be reached.", retry=True)


def guarded(error: ModuleError, host: str) -> ModelProblem:
    """What our own guard made of it."""
    last = error.code.rpartition(".")[2]
    if last == "blocked" or error.code == "connection.host":
        return ModelProblem("llm.blocked", f"The model server at {host!r} isn't asked: {error.message}.")
    if last == "too_large":
        return ModelProblem(
            "llm.too_large", f"The answer of the model server at {host!r} is too large: {error.message}."
        )
    if last == "timeout":
        return ModelProblem("llm.timeout", f"The model server at {host!r} can't be reached in time.", retry=True)
    return ModelProblem(
        "llm.server",
        f"The model server at {host!r} can't be reached: {error.message}.",
        retry=error.retryable is not False,
    )
