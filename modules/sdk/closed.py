"""A host's parts that let nothing out: for calls that must reach nobody, as examples of modules and simulated runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal

from modules.sdk.context import (
    CodeAnswer,
    HttpResponse,
    HttpStream,
    KeyValue,
    Language,
    QueueItem,
    Sending,
    SqlMode,
    SqlResult,
    Staged,
)
from modules.sdk.files import LARGEST_FILE, File, NewFile
from modules.sdk.json import Json
from modules.sdk.llm import Prompt, Reply
from modules.sdk.mail import Letter
from modules.sdk.verdicts import ModuleError


@dataclass(frozen=True, slots=True)
class ClosedHttp:
    """Implements `Http`: every request fails with this code and text, for good."""

    code: str
    message: str

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float,
        follow_redirects: bool = True,
        limit: int = 0,
    ) -> HttpResponse:
        raise ModuleError(self.code, self.message, retryable=False)

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        sending: Sending | None = None,
        timeout: float,
        follow_redirects: bool = True,
        limit: int,
    ) -> AbstractAsyncContextManager[HttpStream]:
        raise ModuleError(self.code, self.message, retryable=False)


@dataclass(frozen=True, slots=True)
class ClosedKeyValues:
    """Implements `KeyValues`: every use fails with this code and text, for good."""

    code: str
    message: str

    async def get(self, scope: Literal["workflow", "workspace"], key: str) -> KeyValue:
        raise self._refusal()

    async def set(
        self,
        scope: Literal["workflow", "workspace"],
        key: str,
        value: Json,
        *,
        ttl: float | None,
        if_version: int | None,
        operation: str,
    ) -> KeyValue:
        raise self._refusal()

    async def delete(
        self, scope: Literal["workflow", "workspace"], key: str, *, if_version: int | None, operation: str
    ) -> KeyValue:
        raise self._refusal()

    async def increment(
        self, scope: Literal["workflow", "workspace"], key: str, by: int | float, *, ttl: float | None, operation: str
    ) -> KeyValue:
        raise self._refusal()

    def _refusal(self) -> ModuleError:
        return ModuleError(self.code, self.message, retryable=False)


@dataclass(frozen=True, slots=True)
class ClosedQueues:
    """Implements `Queues`: every use fails with this code and text, for good."""

    code: str
    message: str

    async def stage(self, queue: str, items: Sequence[QueueItem], *, operation: str) -> Staged:
        raise ModuleError(self.code, self.message, retryable=False)


@dataclass(frozen=True, slots=True)
class ClosedEvents:
    """Implements `Events`: nobody is told anything; every try fails with this code and text, for good."""

    code: str
    message: str

    async def stage(self, name: str, key: str | None, data: Json) -> Staged:
        raise ModuleError(self.code, self.message, retryable=False)


@dataclass(frozen=True, slots=True)
class ClosedFiles:
    """Implements `Files`: every use fails with this code and text, for good."""

    code: str
    message: str

    async def stat(self, file_id: str) -> File:
        raise self._refusal()

    async def open_read(self, file_id: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if file_id:
            raise self._refusal()
        yield b""

    async def write(
        self, content: AsyncIterator[bytes], new: NewFile, *, operation: str, most: int = LARGEST_FILE
    ) -> File:
        raise self._refusal()

    async def delete(self, file_id: str, *, operation: str) -> bool:
        raise self._refusal()

    def _refusal(self) -> ModuleError:
        return ModuleError(self.code, self.message, retryable=False)


@dataclass(frozen=True, slots=True)
class ClosedCode:
    """Implements `Code`: every use fails with this code and text, for good."""

    code: str
    message: str

    async def run(self, language: Language, source: str, given: Json, *, timeout: float, memory_mb: int) -> CodeAnswer:
        raise ModuleError(self.code, self.message, retryable=False)


@dataclass(frozen=True, slots=True)
class ClosedSql:
    """Implements `Sql`: every statement fails with this code and text, for good."""

    code: str
    message: str

    async def query(
        self,
        sql: str,
        params: Sequence[Json],
        *,
        mode: SqlMode,
        read_only: bool,
        timeout: float,
        max_rows: int,
    ) -> SqlResult:
        raise ModuleError(self.code, self.message, retryable=False)


@dataclass(frozen=True, slots=True)
class ClosedMail:
    """Implements `Mail`: nothing is sent, each try fails with this code and text, for good."""

    code: str
    message: str

    async def send(self, letter: Letter, *, operation: str, timeout: float) -> str:
        raise ModuleError(self.code, self.message, retryable=False)


@dataclass(frozen=True, slots=True)
class ClosedLlm:
    """Implements `Llm`: no model is asked, each try fails with this code and text, for good."""

    code: str
    message: str

    async def ask(self, prompt: Prompt, hears: Callable[[str], None]) -> Reply:
        raise ModuleError(self.code, self.message, retryable=False)


def no_address(who: str) -> str:
    """Implements `AnswerAddress`: nobody answers there."""
    return "https://millstream.invalid/resume/none"


def no_log(level: Literal["debug", "info", "warning", "error"], message: str, data: Json = None) -> None:
    """Implements `Log`: keeps nothing."""
