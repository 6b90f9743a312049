"""`files.delete`."""

from __future__ import annotations

import pytest

from modules.files import read
from modules.files.delete import MODULE
from modules.sdk.verdicts import ModuleError
from tests.modules.files.host import FileModules


async def test_it_says_whether_there_was_one_and_says_it_again(modules: FileModules) -> None:
    file_id = (await modules.put("x"))["file_id"]
    assert [(await modules.run(MODULE, {"file_id": file_id}, key=key))["deleted"] for key in ("1", "1", "2")] == [
        True,
        True,
        False,
    ]
    with pytest.raises(ModuleError) as caught:
        await modules.run(read.MODULE, {"file_id": file_id})
    assert caught.value.code == "file.unknown"
