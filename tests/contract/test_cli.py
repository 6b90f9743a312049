"""The command line, in a pipe, against the running stack."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import yaml

from tests.fixtures.stack import Stack

TEXT = """
schema_version: 1
name: $NAME
steps:
  a: {module: core.assert, version: 1, inputs: {condition: "{{ input.ok }}", message: not ok}}
output: {said: "{{ input.word | default('nothing') }}"}
tests:
  - {name: good, input: {ok: true}, expect: {status: succeeded, output: {said: nothing}}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flow.yaml"
    path.write_text(TEXT.replace("$NAME", f"cli-{tmp_path.name.replace('_', '-')}"[:60].lower()))
    return path


def name_of(file: Path) -> str:
    return str(yaml.safe_load(file.read_text())["name"])


async def test_deploy_run_and_read(stack: Stack, file: Path) -> None:
    name = name_of(file)
    deployed = await stack.cli("deploy", str(file), "--note", "why", "--json")
    assert deployed.json["version"] == 1
    ran = await stack.cli("run", name, "--input", '{"ok": true, "word": "hi"}', "--wait", "--json")
    assert (ran.json["status"], ran.json["output"]) == ("succeeded", {"said": "hi"})
    given = file.with_name("input.json")
    given.write_text('{"ok": false}')
    failed = await stack.cli("run", name, "--input", f"@{given}", "--wait", "--json")
    assert (failed.code, json.loads(failed.out)["status"]) == (1, "failed")
    listed = await stack.cli("runs", "list", "--workflow", name, "--json")
    rows = listed.json["items"] if isinstance(listed.json, dict) else listed.json
    assert [run["status"] for run in rows] == ["failed", "succeeded"]
    run_id = rows[1]["run_id"]
    assert (await stack.cli("runs", "show", run_id, "--json")).json["output"] == {"said": "hi"}
    steps = (await stack.cli("runs", "steps", run_id, "--json")).json
    assert [row["path"] for row in (steps["items"] if isinstance(steps, dict) else steps)] == ["a"]
    assert (await stack.cli("runs", "cancel", run_id, "--json")).json["status"] == "succeeded"
    assert (await stack.cli("runs", "replay", run_id, "--json")).json["run_id"] != run_id
    watched = await stack.cli("runs", "watch", run_id)
    assert (watched.code, "succeeded" in watched.out) == (0, True)
    exported = await stack.cli("export", name)
    assert json.loads(exported.out)["name"] == name


async def test_validate_test_and_import(stack: Stack, file: Path) -> None:
    assert (await stack.cli("validate", str(file))).code == 0
    tested = await stack.cli("test", str(file), "--json")
    assert (tested.json["passed"], tested.json["failed"]) == (1, 0)
    assert (await stack.cli("import", str(file))).code == 0
    bad = file.with_name("bad.yaml")
    bad.write_text(file.read_text().replace("core.assert", "core.asert"))
    checked = await stack.cli("validate", str(bad), "--json")
    assert checked.code == 1
    assert ("module.unknown", "/steps/a/module") in [
        (one["code"], one["path"]) for one in json.loads(checked.out)["findings"]
    ]
    refused = await stack.cli("deploy", str(bad))
    assert (refused.code != 0, "core.asert" in refused.out + refused.err, "Traceback" in refused.err) == (
        True,
        True,
        False,
    )
    wrong = file.with_name("wrong.yaml")
    wrong.write_text(file.read_text().replace("said: nothing", "said: other"))
    assert (await stack.cli("test", str(wrong))).code == 1


async def test_vars_keys_modules_and_status(stack: Stack) -> None:
    assert (await stack.cli("vars", "set", "CLI_VAR", "text")).code == 0
    assert "CLI_VAR" in (await stack.cli("vars", "list", "--json")).out
    assert "text" in (await stack.cli("vars", "get", "CLI_VAR")).out
    assert (await stack.cli("vars", "delete", "CLI_VAR")).code == 0
    made = (await stack.cli("keys", "create", "from-cli", "--role", "viewer", "--json")).json
    assert (
        await stack.outside.get("/api/v1/workflows", headers={"authorization": f"Bearer {made['key']}"})
    ).status_code == 200
    assert made["key"] not in (await stack.cli("keys", "list", "--json")).out
    assert "core.for_each" in (await stack.cli("module", "list", "--json")).out
    status = (await stack.cli("status", "--json")).json
    assert {
        "state",
        "version",
        "url",
        "smtp_port",
        "database_url",
        "temporal_address",
        "api_key_file",
        "home",
        "pids",
    } <= set(status)
    assert (status["state"], status["url"], status["home"]) == ("running", stack.url, str(stack.home))
    assert {"supervisor", "api", "worker", "postgres", "temporal"} <= set(status["pids"])
    assert stat.S_IMODE(Path(status["api_key_file"]).stat().st_mode) == 0o600


async def test_up_finds_the_running_stack(stack: Stack) -> None:
    before = (await stack.cli("status", "--json")).json["pids"]
    assert (await stack.cli("up", "--detach")).code == 0
    assert (await stack.cli("status", "--json")).json["pids"] == before


async def test_a_mistyped_name_gets_the_nearest_one_and_no_argument_help(stack: Stack) -> None:
    typo = await stack.cli("stauts")
    assert (typo.code != 0, "status" in typo.err + typo.out) == (True, True)
    bare = await stack.cli("deploy")
    assert "file" in (bare.out + bare.err).lower()
    assert "Usage" in (await stack.cli("runs")).out + (await stack.cli("runs")).err
    assert "validate" in (await stack.cli()).out + (await stack.cli()).err


async def test_mistakes_are_one_sentence(stack: Stack, tmp_path: Path) -> None:
    unknown = await stack.cli("run", "no-such-flow")
    missing = await stack.cli("validate", str(tmp_path / "none.yaml"))
    nowhere = await stack.cli("runs", "list", home=tmp_path / "empty")
    for said in (unknown, missing, nowhere):
        assert said.code != 0
        assert "Traceback" not in said.err + said.out
        assert said.err.strip()
    assert "no-such-flow" in unknown.err
    colour = (await stack.cli("runs", "list")).out
    assert "\x1b[" not in colour  # plain text in a pipe
