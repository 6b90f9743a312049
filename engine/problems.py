"""What a request may be refused with: RFC 9457 problems as typed errors, without any HTTP machinery.

A `Problem` says who can mend it by its status: 4xx the caller (what to change stands in `detail`), 503 the operator (nothing was
accepted, the same request may be sent again). `code` is dotted and stable; `extra` holds further members of the answer, as `findings`
or `run_id`.

    Problem
    ├── NotFound        404: whether or not a foreign thing exists, the answer is the same
    ├── Conflict        409: the state has moved on; `extra` holds the current one where that helps
    ├── Invalid         422: well-formed, but not acceptable
    └── Unavailable     503: PostgreSQL can't be reached
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.expressions.nearest import suggestion
from engine.expressions.values import Json


class Problem(Exception):
    """One refusal. `headers` are sent along, as `Retry-After` or `Allow`."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        title: str | None = None,
        extra: Mapping[str, Json] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.title = title
        self.extra: dict[str, Json] = dict(extra or {})
        self.headers: dict[str, str] = dict(headers or {})


class NotFound(Problem):
    """`what` is the kind of thing (`workflow`), `name` what the caller gave; of the `known` ones the nearest is suggested."""

    def __init__(self, what: str, name: str, known: Sequence[str] = ()) -> None:
        hint = suggestion(name, known)
        super().__init__(
            404, f"{what.replace(' ', '_')}.unknown", f"There is no {what} {name!r} in this workspace.{hint}"
        )


class Conflict(Problem):
    def __init__(self, code: str, detail: str, *, extra: Mapping[str, Json] | None = None) -> None:
        super().__init__(409, code, detail, extra=extra)


class Invalid(Problem):
    def __init__(self, code: str, detail: str, *, extra: Mapping[str, Json] | None = None) -> None:
        super().__init__(422, code, detail, extra=extra)


class Unavailable(Problem):
    def __init__(
        self, detail: str = "The database can't be reached. Nothing was accepted; send the request again."
    ) -> None:
        super().__init__(503, "database.unavailable", detail, headers={"Retry-After": "1"})
