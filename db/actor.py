"""Who acts: what a transaction tells the audit trail about whoever asked for it.

The program says it once, around the work (`acting_as`), and the pool hands it to each transaction that begins meanwhile, as the setting
`app.actor`. The database's triggers write it down beside the change, in the same transaction: neither can be without the other.

It travels by a context variable, the only one of the product. Handing it down as an argument would take it through every signature between a
route and the statement that it ends in, and one that was forgotten would be a change by nobody. A task that outlives the work which started
it has the variable still, so the actor is over when the block ends: what comes later is Millstream's own doing.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass

from db.ids import ApiKeyId, UserId
from db.json import dumps, plain_text

_LONGEST = 500
"""Of what a caller may choose: agents and addresses."""


@dataclass(frozen=True, slots=True)
class Actor:
    """`action` is the right that is used, `route` the address with its placeholders, `ip` the connection's.

    `forwarded_for` is only what a header claims.
    """

    action: str
    route: str
    request_id: str
    ip: str | None = None
    forwarded_for: str | None = None
    user_agent: str | None = None
    user_id: UserId | None = None
    email: str | None = None
    api_key_id: ApiKeyId | None = None
    key_name: str | None = None

    def setting(self) -> str:
        """JSON in hexadecimal: whatever a header holds, it can stand in a statement's text."""
        told = {name: _short(str(value)) for name, value in asdict(self).items() if value is not None}
        return dumps({**told}).encode().hex()


@dataclass(slots=True)
class _Acting:
    setting: str | None


_ACTING: ContextVar[_Acting | None] = ContextVar("millstream_actor", default=None)


@contextmanager
def acting_as(actor: Actor) -> Generator[None]:
    """Transactions that begin inside are this actor's."""
    acting = _Acting(actor.setting())
    token = _ACTING.set(acting)
    try:
        yield
    finally:
        acting.setting = None
        _ACTING.reset(token)


def actor_setting() -> str | None:
    """For the setting `app.actor`: hexadecimal digits. None where nobody acts."""
    acting = _ACTING.get()
    return None if acting is None else acting.setting


def _short(text: str) -> str:
    return plain_text(text)[:_LONGEST]
