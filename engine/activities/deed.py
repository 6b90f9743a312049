"""What a module's call staged, as the host does it: in the transaction that writes the step's row."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from db.connection import Connection
from engine.activities.host import Notices
from engine.expressions.values import Json


@runtime_checkable
class Deed(Protocol):
    """Implements `modules.sdk.context.Staged`."""

    @property
    def what(self) -> str: ...

    async def do(self, connection: Connection) -> Json:
        """The step's output. It may be undone with the transaction, and then made again. Raises `ModuleError`, with nothing done."""
        ...

    def tell(self, notices: Notices) -> None:
        """It is committed."""
        ...
