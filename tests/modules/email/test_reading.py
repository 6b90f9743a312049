"""Awkward mails: each is read or refused in words, within its CPU and its limits, and no verdict that it brings is believed."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any, cast

import pytest

from engine.isolated.pool import IsolatedPool
from modules.email.mime.reading import CPU, LONGEST_TEXT, MOST_FILES, read
from modules.sdk.json_bytes import dumps
from modules.sdk.verdicts import Rejected
from tests.modules.email.corpus import FROM, VERDICTS, corpus, large

CORPUS = dict(corpus())
REFUSED = {"10,000 parts", "51 attachments", "depth 11", "depth 64", "depth 2000"}

READ = {"two attachments of 9 MB", "25 MB of quoted printable", "25 MB that is no base64"}
"""Of those that are large."""


def told(raw: bytes) -> tuple[dict[str, Any] | None, str]:
    """What the mail says, or why it is refused; it has cost no more than it may."""
    argument = {"raw": base64.b64encode(raw).decode(), "domain": "localhost"}
    began = time.process_time()
    try:
        found, why = cast("dict[str, Any]", read(argument)), ""  # type: ignore[arg-type]
    except Rejected as error:
        found, why = None, f"{error.code}: {error.message}"
    assert time.process_time() - began <= CPU + 0.2
    return found, why


def kept_to(found: dict[str, Any]) -> None:
    """The limits of what is read."""
    assert len(found["files"]) <= MOST_FILES
    assert len(found["text"] or "") <= LONGEST_TEXT
    assert len(found["html"] or "") <= LONGEST_TEXT
    shown = dumps(found)
    assert b"\\u0000" not in shown
    shown.decode()


def too_much(raw: bytes) -> bool:
    """Whether the head is beyond its limits."""
    head = raw.partition(b"\r\n\r\n")[0]
    fields = head.replace(b"\r\n ", b" ").split(b"\r\n")
    return len(head) > 2**20 or head.count(b"\n") >= 1_000 or max(map(len, fields)) > 65_600


def test_there_are_enough_of_them() -> None:
    assert len(CORPUS) >= 150


@pytest.mark.parametrize("name", CORPUS)
def test_each_is_read_or_refused(name: str) -> None:
    found, why = told(CORPUS[name])
    if found is not None:
        kept_to(found)
    assert (found is None) == (name in REFUSED or too_much(CORPUS[name]) or "more than one" in why), why


@pytest.mark.parametrize("verdict", VERDICTS)
def test_no_verdict_that_comes_along_stands_under_our_name(verdict: bytes) -> None:
    found, _ = told(FROM + verdict + b"\r\nAuthentication-Results: mx.other.example; spf=fail\r\n\r\nhi")
    assert found is not None
    shown = {name: text for name, text in found["headers"].items() if name.endswith("authentication-results")}
    assert shown.get("authentication-results") == "mx.other.example; spf=fail"
    assert "localhost" not in str(shown.get("authentication-results"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, _ in large()])
def test_what_is_large_is_read_or_refused(name: str) -> None:
    found, why = told(dict(large())[name])
    if found is not None:
        kept_to(found)
    assert (found is not None) == (name in READ), why


async def test_one_is_read_in_the_isolated_pool() -> None:
    raw = CORPUS["an invitation"]
    argument: Any = {"raw": base64.b64encode(raw).decode(), "domain": "localhost"}
    async with IsolatedPool(1) as pool:
        answers = await asyncio.gather(
            *(
                pool.call("modules.email.mime.reading:read", argument, timeout=60, timeout_code="mail.timeout")
                for _ in range(3)
            )
        )
    found: Any = answers[0]
    assert answers[1:] == [found, found]
    [file] = found["files"]
    assert (file["name"], file["mime_type"]) == ("invite.ics", "text/calendar")
    assert raw[file["start"] : file["end"]] == b"BEGIN:VCALENDAR"
