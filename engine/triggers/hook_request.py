"""The head of a request to a webhook: as it came, and as the inbox keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.expressions.values import Json
from engine.triggers.input import shown_headers

JsonObject = dict[str, Json]
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class HookRequest:
    """The head of a request. Headers and query as they came, repeated ones included."""

    slug: str
    workflow: str
    trigger: str
    method: str
    headers: Pairs
    query: Pairs
    sender: str | None = None

    @property
    def draft(self) -> bool:
        return ("version", "draft") in self.query

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


def head_of(request: HookRequest) -> JsonObject:
    """What the inbox keeps of a request's head: without what credentials hold."""
    headers: list[Json] = [[name, value] for name, value in shown_headers(request.headers)]
    query: list[Json] = [[name, value] for name, value in request.query]
    return {"method": request.method, "headers": headers, "query": query, "from": request.sender}


def pairs_of(given: Json) -> list[tuple[str, str]]:
    """As `head_of` wrote them."""
    pairs = [one for one in given if isinstance(one, list)] if isinstance(given, list) else []
    return [(str(one[0]), str(one[1])) for one in pairs if len(one) == 2]


def key_of(request: HookRequest) -> str | None:
    scheme, _, text = (request.header("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and text.strip():
        return text.strip()
    return request.header("x-api-key") or None
