"""What the supervisor asks of each thing that it keeps running."""

from typing import Protocol

from server.embedded.child import Child


class Service(Protocol):
    """A thing with one process. The supervisor owns the process; the service knows how to start and stop it."""

    @property
    def name(self) -> str: ...

    async def start(self) -> Child:
        """Start it and return when it is ready; called again after it has died.

        Raises ServiceFailed if it ended or wasn't ready in time; nothing is left running then.
        """
        ...

    async def stop(self, child: Child) -> None:
        """End it in good order; return when it is gone. An ended child is fine."""
        ...
