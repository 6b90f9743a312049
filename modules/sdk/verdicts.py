"""How a call fails: raise one of these; any other exception becomes `module.failed` with no detail shown to users.

    ModuleError                 a coded failure; retried only if the code is in the step's list or `retryable` says so
    ├── RetryLater              the target asks for time: retried not before `retry_after` seconds
    ├── AuthExpired             the credential no longer works: not retried, the connection needs a person
    └── Rejected                the target refuses this input for good: never retried

Messages are for the person who runs the workflow: what happened, to which target, what to do. They never hold a secret, a stack
trace or a path of the server.
"""

from __future__ import annotations

from modules.sdk.json import JsonObject


class ModuleError(Exception):
    """`code` is dotted and stable (`http.404`); `details` is small JSON for programs."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: JsonObject | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: JsonObject = details or {}
        self.retryable = retryable
        self.retry_after = retry_after


class RetryLater(ModuleError):
    """The target is there but wants to be asked later."""

    def __init__(self, code: str, message: str, *, retry_after: float, details: JsonObject | None = None) -> None:
        super().__init__(code, message, details=details, retryable=True, retry_after=retry_after)


class AuthExpired(ModuleError):
    """The stored credential was refused."""

    def __init__(self, message: str, *, details: JsonObject | None = None) -> None:
        super().__init__("connection.expired", message, details=details, retryable=False)


class Rejected(ModuleError):
    """The input can't be accepted, however often it is sent."""

    def __init__(self, code: str, message: str, *, details: JsonObject | None = None) -> None:
        super().__init__(code, message, details=details, retryable=False)
