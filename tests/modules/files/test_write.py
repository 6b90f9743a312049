"""`files.write`."""

from __future__ import annotations

import hashlib

import pytest

from modules.files.write import MODULE
from modules.sdk.verdicts import ModuleError
from tests.modules.files.host import FileModules


async def test_a_repeat_of_the_step_gives_the_same_file(modules: FileModules) -> None:
    given = {"name": "a.csv", "content": "aGk=\n", "encoding": "base64", "tags": ["t"], "expires_in": "1h"}
    made = await modules.run(MODULE, given)
    assert (made["name"], made["mime_type"], made["size"], made["tags"]) == ("a.csv", "text/csv", 2, ["t"])
    assert made["sha256"] == hashlib.sha256(b"hi").hexdigest()
    assert await modules.run(MODULE, given) == made
    assert (await modules.run(MODULE, given, key="other"))["file_id"] != made["file_id"]


async def test_what_is_no_base64_is_refused(modules: FileModules) -> None:
    with pytest.raises(ModuleError) as caught:
        await modules.run(MODULE, {"name": "a", "content": "?", "encoding": "base64"})
    assert caught.value.code == "input.invalid"
