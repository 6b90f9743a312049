"""What goes wrong on the wire, in the words that workflows and people get."""

from __future__ import annotations

import ssl
from collections.abc import Generator
from contextlib import contextmanager

import httpcore

from modules.sdk.verdicts import ModuleError
from workspace.egress.target import Target


@contextmanager
def told(target: Target) -> Generator[None]:
    """The client's errors as ModuleError `http.connect`, `http.timeout`, `http.protocol`."""
    try:
        yield
    except httpcore.ConnectTimeout:
        raise ModuleError("http.timeout", f"{target.authority!r} could not be reached in time") from None
    except httpcore.ConnectError as error:
        raise _unreachable(target, error) from None
    except httpcore.RemoteProtocolError as error:
        if "disconnected" in str(error) or "closed connection" in str(error):
            raise _broken(target) from None
        raise ModuleError(
            "http.protocol", f"{target.authority!r} gave an answer that is not HTTP", retryable=False
        ) from None
    except httpcore.NetworkError:
        raise _broken(target) from None


def joined(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name in lower case; repeated ones with a comma between, as HTTP means them."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _unreachable(target: Target, error: httpcore.ConnectError) -> ModuleError:
    # The cause's cause is the socket's or OpenSSL's own error; its text may name addresses, so only its kind is told.
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ModuleError(
                "http.connect",
                f"the certificate of {target.authority!r} is not trusted: {cause.verify_message}",
                retryable=False,
            )
        if isinstance(cause, ssl.SSLError):
            return ModuleError("http.connect", f"no secure connection to {target.authority!r} could be agreed on")
        if isinstance(cause, ConnectionRefusedError):
            return ModuleError("http.connect", f"{target.authority!r} refuses connections")
        cause = cause.__cause__ or cause.__context__
    return ModuleError("http.connect", f"{target.authority!r} can't be reached")


def _broken(target: Target) -> ModuleError:
    return ModuleError("http.connect", f"the connection to {target.authority!r} broke before the answer was complete")
