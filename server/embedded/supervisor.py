"""The parent of a stack's processes: starts them in order, starts again what dies, stops them in reverse order.

Model. Services come in stages; a stage starts when all before it are ready, its services at the same time. Each service
then has one keeper, a task that waits for its process and starts another when it ends:

    down → starting → up → (died) → waiting → starting → …          a keeper's states
                                  └ died 9 times in a row, or can't run at all: the stack gives up

Invariants:
- Every process is a direct child, and the kernel ends it when the supervisor dies (launch.py, Linux). Besides, it is
  noted in ``run/NAME.json`` from its readiness until it is reaped: where a supervisor was killed, the next one first
  ends what still runs of the notes. They are ended rather than adopted, as only a parent learns at once, and for sure,
  that a process is gone.
- Only one task starts or stops a given service at a time; keepers are gone before the stages are stopped.
- A failed start leaves no process behind.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.embedded.backoff import Backoff
from server.embedded.child import Child
from server.embedded.errors import ServiceFailed, StackError
from server.embedded.identity import ProcessIdentity
from server.embedded.program import how_it_ended
from server.embedded.service import Service
from server.embedded.state import note_process, noted_process

Report = Callable[[str], None]
"""Takes a line for the person who watches."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Services that start together; ``then`` is done once they are ready, before the next stage."""

    services: tuple[Service, ...]
    then: Callable[[], Awaitable[None]] | None = None


class Supervisor:
    """Use: ``start()``, ``keep(stop)``, and in any case ``stop()``. ``changed`` is called when a pid or the health changed."""

    def __init__(self, run: Path, stages: Sequence[Stage], *, report: Report, changed: Callable[[], None]) -> None:
        self._run = run
        self._stages = stages
        self._report = report
        self._changed = changed
        self._children: dict[str, Child] = {}
        self._hurry = asyncio.Event()

    def pids(self) -> dict[str, int]:
        """The processes that run now, by the names of their services."""
        return {name: child.pid for name, child in self._children.items()}

    @property
    def healthy(self) -> bool:
        """Whether every service is up."""
        return all(service.name in self._children for stage in self._stages for service in stage.services)

    async def start(self) -> None:
        """Start all stages. Raises StackError for the first thing that can't start; call ``stop()`` then too."""
        await self._end_leftovers()
        for stage in self._stages:
            try:
                async with asyncio.TaskGroup() as group:
                    for service in stage.services:
                        group.create_task(self._start(service))
            except BaseExceptionGroup as failures:
                raise _first(failures) from None
            if stage.then is not None:
                await stage.then()

    async def keep(self, stop: asyncio.Event) -> None:
        """Return when ``stop`` is set. Raises StackError when a service can't be kept alive."""
        services = [service for stage in self._stages for service in stage.services]
        keepers = [asyncio.create_task(self._keep(service)) for service in services]
        stopped = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([stopped, *keepers], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()
        finally:
            for task in (stopped, *keepers):
                task.cancel()
            await asyncio.gather(stopped, *keepers, return_exceptions=True)

    def hurry(self) -> None:
        """Start at once what waits to be started again."""
        self._hurry.set()
        self._hurry = asyncio.Event()

    async def stop(self) -> None:
        """Stop all, the last stage first. What is down already is fine."""
        for stage in reversed(self._stages):
            await asyncio.gather(*(self._stop(service) for service in stage.services))

    async def _start(self, service: Service) -> None:
        began = asyncio.get_running_loop().time()
        child = await service.start()
        note_process(self._note(service.name), child.identity)
        self._children[service.name] = child
        self._report(f"{service.name} is up ({asyncio.get_running_loop().time() - began:.1f} s)")
        self._changed()

    async def _stop(self, service: Service) -> None:
        child = self._children.get(service.name)
        if child is not None:
            await service.stop(child)
            self._gone(service)

    def _gone(self, service: Service) -> None:
        self._children.pop(service.name, None)
        self._note(service.name).unlink(missing_ok=True)
        self._changed()

    async def _keep(self, service: Service) -> None:
        backoff = Backoff()
        loop = asyncio.get_running_loop()
        while True:
            child = self._children[service.name]
            began = loop.time()
            code = await child.wait()
            self._gone(service)
            said = f"{service.name} {how_it_ended(code)}"
            lived = loop.time() - began
            while service.name not in self._children:
                delay = backoff.after_death(lived)
                if delay is None:
                    raise StackError(
                        f"the stack gives up, as {service.name} ended {backoff.deaths} times in a row; at last: {said}; "
                        f"its log is {str(child.log)!r}"
                    )
                self._report(f"{said}; it is started again" + (f" in {delay:g} s" if delay else ""))
                await self._pause(delay)
                lived = 0.0
                try:
                    await self._start(service)
                except ServiceFailed as error:
                    said = str(error)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    async def _end_leftovers(self) -> None:
        names = [service.name for stage in self._stages for service in stage.services]
        notes = [self._note(name) for name in names]
        left = [identity for note in notes if (identity := noted_process(note)) is not None and identity.alive()]
        if left:
            self._report(f"ending {len(left)} processes that an earlier supervisor left")
            await asyncio.gather(*(end_process(identity) for identity in left))
        for note in notes:
            note.unlink(missing_ok=True)

    def _note(self, name: str) -> Path:
        return self._run / f"{name}.json"


async def end_process(identity: ProcessIdentity) -> None:
    """End a process that is not our child: by SIGINT, which all of ours understand, then by harder means."""
    for number, grace in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
        if not identity.alive():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, number)
        give_up = asyncio.get_running_loop().time() + grace
        while identity.alive() and asyncio.get_running_loop().time() < give_up:  # noqa: ASYNC110 - no child: only looking tells
            await asyncio.sleep(0.05)
    if identity.alive():
        raise StackError(f"process {identity.pid}, left by an earlier supervisor, can't be ended: end it by hand")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one exception to tell of several. Services raise no groups, so there are none within."""
    return group.exceptions[0]
