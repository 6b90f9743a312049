"""Texts that look like a secret: they may neither be written into a document by the copilot nor go out to the model from one.

Where a secret belongs is a secret variable or a connection, which no chat ever holds. This is a net and no wall: the log's redactor knows the
values of real secrets; here are the forms that issuers give theirs, and fields named for one that hold a fixed text. So a hash, an id or a
placeholder isn't taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from engine.expressions.values import Json
from engine.spec.pointer import child

HIDDEN: Final = "(hidden: looks like a secret)"

_FORMS: Final[tuple[tuple[str, str], ...]] = (
    ("an API key", r"\bsk-(?:proj-|ant-|live-|test-)?[A-Za-z0-9_-]{16,}"),
    ("a Stripe key", r"\b[srp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("a webhook secret", r"\bwhsec_[A-Za-z0-9+/=]{16,}"),
    ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{18,}"),
    ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("a Slack webhook", r"https://hooks\.slack\.com/services/[A-Za-z0-9/]{20,}"),
    ("an AWS key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("a Google key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("a Millstream key", r"\bms_[A-Za-z0-9_-]{24,}"),
    ("a JSON Web Token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ("an address that resumes a run", r"/resume/[A-Za-z0-9_.~-]{20,}"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    ("a password in an address", r"(?<=://)[^\s/:@{}]+:[^\s/@{}]{3,}(?=@)"),
    ("a bearer token", r"(?i)\bbearer\s+(?=[A-Za-z0-9._~+/-]*\d)[A-Za-z0-9._~+/-]{20,}=*"),
    ("basic credentials", r"(?i)\bbasic\s+(?=[A-Za-z0-9+/]*[A-Z0-9])[A-Za-z0-9+/]{16,}={0,2}(?![A-Za-z0-9])"),
)
_ANY = re.compile("|".join(f"(?:{form})" if not form.startswith("(?i)") else f"(?i:{form[4:]})" for _, form in _FORMS))
_EACH = tuple((kind, re.compile(form)) for kind, form in _FORMS)

_NAMED = re.compile(
    r"(?i)(?:^|[_\-. ])(?:password|passwd|pwd|secret|api[_-]?key|apikey|access[_-]?key|private[_-]?key|client[_-]?secret|auth[_-]?token|"
    r"access[_-]?token|refresh[_-]?token|authorization|x-api-key)$"
)
_PLACEHOLDER = re.compile(r"(?i)^(?:\*+|x+|\.+|<.*>|changeme|example|your[-_ ].*|none|null|test|\(hidden.*\))$")
_LONGEST = 1_000_000


def secrets_in(value: Json, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Where (a JSON Pointer) and what: each text that looks like a secret. A text with an expression in the place of the secret is none."""
    waiting: list[tuple[Json, str, str]] = [(value, pointer, "")]
    while waiting:
        here, at, name = waiting.pop()
        if isinstance(here, str):
            kind = _kind(here, name)
            if kind is not None:
                yield at, kind
        elif isinstance(here, list):
            waiting.extend((item, child(at, place), name) for place, item in reversed(list(enumerate(here))))
        elif isinstance(here, dict):
            for key in here:
                kind = _kind(key, "")
                if kind is not None:
                    yield at, kind
            waiting.extend((item, child(at, key), key) for key, item in reversed(here.items()))


def hidden(value: Json) -> Json:
    """The value with such forms taken out of all its texts and names. Fields aren't judged by their names here: a person may need them."""
    if isinstance(value, str):
        return _ANY.sub(HIDDEN, value) if len(value) <= _LONGEST else value
    if isinstance(value, list):
        return [hidden(item) for item in value]
    if isinstance(value, dict):
        return {str(hidden(key)): hidden(item) for key, item in value.items()}
    return value


def _kind(text: str, name: str) -> str | None:
    for kind, form in _EACH:
        if form.search(text):
            return kind
    if name and _NAMED.search(name) and "{{" not in text and len(text) >= 6 and not _PLACEHOLDER.match(text):
        return f"a fixed text in {name[:40]!r}"
    return None
