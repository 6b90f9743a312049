"""The page of settings says of each whether anything reads it."""

from __future__ import annotations

import re

from server.settings import Settings
from tests.docs.pages import ROOT

UNREAD = "## Kept for parts that are not in this release"


def test_the_page_tells_which_settings_nothing_reads() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    section = text.partition(UNREAD)[2].partition("\n## ")[0]
    told = {name.lower() for name in re.findall(r"^\| `MILLSTREAM_(\w+)`", section, re.MULTILINE)}
    source = "\n".join(file.read_text() for file in sorted((ROOT / "server").rglob("*.py")))
    unread = {field for field in Settings.model_fields if not re.search(rf"(settings|self)\.{field}\b", source)}
    assert told == unread
