"""`core.validate` in its process."""

from __future__ import annotations

import pytest

from modules.core.validate import MODULE
from modules.sdk.json import Json
from modules.sdk.verdicts import ModuleError
from tests.fixtures.http_server import HttpServer
from tests.fixtures.module_host import ModuleHost


async def test_valid_data_goes_on_by_valid(module_host: ModuleHost) -> None:
    result = await module_host.run(MODULE, {"data": {"n": 1}, "schema": {"required": ["n"]}})
    assert (result.output, result.handles) == ({"errors": []}, ("valid",))


async def test_each_error_has_its_place(module_host: ModuleHost) -> None:
    schema: Json = {
        "properties": {"a/b": {"items": {"type": "integer"}}, "mail": {"format": "email"}},
        "required": ["c"],
    }
    result = await module_host.run(MODULE, {"data": {"a/b": [1, "x"], "mail": "none"}, "schema": schema})
    assert result.handles == ("invalid",)
    assert result.output == {
        "errors": [
            {"path": "", "message": "'c' is a required property"},
            {"path": "/a~1b/1", "message": "'x' is not of type 'integer'"},
        ]
    }


async def test_a_schema_that_is_none(module_host: ModuleHost) -> None:
    with pytest.raises(ModuleError) as caught:
        await module_host.run(MODULE, {"data": 1, "schema": {"type": "nonsense"}})
    assert caught.value.code == "validate.schema"


async def test_nothing_is_fetched(module_host: ModuleHost, http_server: HttpServer) -> None:
    for target in (http_server.url + "/schema.json", "file:///etc/passwd", "#/$defs/missing"):
        with pytest.raises(ModuleError) as caught:
            await module_host.run(MODULE, {"data": 1, "schema": {"$ref": target}})
        assert caught.value.code == "validate.schema"
    assert http_server.connections == 0


async def test_a_pattern_without_end_is_stopped(module_host: ModuleHost) -> None:
    with pytest.raises(ModuleError) as caught:
        await module_host.run(MODULE, {"data": "a" * 40 + "!", "schema": {"pattern": "^(a+)+$"}}, timeout=1)
    assert caught.value.code == "validate.timeout"


async def test_a_schema_that_refers_to_itself_without_end(module_host: ModuleHost) -> None:
    with pytest.raises(ModuleError) as caught:
        await module_host.run(MODULE, {"data": 1, "schema": {"$ref": "#"}})
    assert caught.value.code in ("module.failed", "validate.schema")
