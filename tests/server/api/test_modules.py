"""The registry of modules."""

from __future__ import annotations

from modules.registry import load_registry
from tests.fixtures.api import Api, problem

KEYS = {
    "module",
    "version",
    "title",
    "kind",
    "effect",
    "idempotent",
    "input_schema",
    "output_schema",
    "handles",
    "slots",
    "timeout",
    "retry",
    "example",
    "manual",
}


async def test_every_module_is_listed_by_name_in_pages(api: Api) -> None:
    found: list[dict[str, object]] = []
    cursor = None
    while True:
        page = (await api.viewer.get("/modules", params={"limit": 10, **({"cursor": cursor} if cursor else {})})).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [(one["module"], one["version"]) for one in found] == [
        (one.name, one.version) for one in load_registry().all()
    ]
    assert all(set(one) == KEYS for one in found)


async def test_one_module_in_one_version(api: Api) -> None:
    shown = (await api.viewer.get("/modules/core.if/1")).json()
    assert (set(shown), shown["effect"], shown["handles"]) == (KEYS, "none", ["true", "false"])
    for path in ("core.if/2", "core.iff/1", "core.if/0", "core.if/-1", "%00/1"):
        problem(await api.viewer.get(f"/modules/{path}"), 404, "module.unknown")
