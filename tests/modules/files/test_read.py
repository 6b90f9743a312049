"""`files.read`."""

from __future__ import annotations

import pytest

from modules.files.read import MODULE
from modules.sdk.verdicts import ModuleError
from tests.modules.files.host import FileModules


async def test_parts_are_the_whole(modules: FileModules) -> None:
    text = "abcdefghij" * 10
    made = await modules.put(text)
    whole = await modules.run(MODULE, {"file_id": made["file_id"]})
    assert (whole["content"], whole["next"], whole["name"]) == (text, None, "a.txt")
    gathered, place = "", 0
    while place is not None:
        part = await modules.run(MODULE, {"file_id": made["file_id"], "offset": place, "limit": 7})
        gathered += str(part["content"])
        place = part["next"]
    assert gathered == text


async def test_bytes_that_are_no_text_are_told_and_read_as_base64(modules: FileModules) -> None:
    made = await modules.put("/w==", encoding="base64")
    with pytest.raises(ModuleError) as caught:
        await modules.run(MODULE, {"file_id": made["file_id"]})
    assert caught.value.code == "data.invalid"
    assert (await modules.run(MODULE, {"file_id": made["file_id"], "encoding": "base64"}))["content"] == "/w=="


async def test_a_file_that_is_too_large_for_a_step_is_refused_whole(modules: FileModules) -> None:
    made = await modules.put("x" * (15 * 2**20))
    with pytest.raises(ModuleError) as caught:
        await modules.run(MODULE, {"file_id": made["file_id"]})
    assert caught.value.code == "payload.too_large"
