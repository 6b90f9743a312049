"""What a person is shown of a draft: right, bounded, without secrets, and found without reaching anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from copilot.evidence.change_set import MOST, change_set
from copilot.evidence.keeping import deploy_parts
from db import variables
from engine.core.effects import ModuleCall
from engine.problems import Conflict, Invalid
from engine.spec.canonical import content_hash
from engine.spec.parse import parse
from modules.sdk.declaration import Result
from tests.copilot.evidence.orders import Raw, changed, orders
from tests.copilot.tools.toolbox import Toolbox, as_object, placed, unmarked
from tests.fixtures.http_server import HttpServer
from workspace.secrets.variables import SecretVariables

EXAMPLES = Path(__file__).parents[3] / "examples"
CANARY = "canary-5f1d0c"


async def saved(box: Toolbox, change: Callable[[Raw], object], live: Raw | None = None) -> Raw:
    """The workflow is live, the draft has the change; gives the draft's view."""
    name = await box.stack.define(live or orders())
    return await save(box, name, changed(change, live))


async def save(box: Toolbox, name: str, document: Raw, by: str = "editor") -> Raw:
    definitions, asker = box.kit.definitions, box.askers[by]
    base = cast("int", (await definitions.draft(asker.workspace_id, name))["revision"])
    return await definitions.save_draft(asker.workspace_id, asker.user_id, name, document, base, authority=asker.role)


async def shown(box: Toolbox, name: str = "orders", by: str = "editor") -> Raw:
    made = await change_set(box.kit, box.askers[by], name)
    assert len(json.dumps(made, ensure_ascii=False).encode()) <= MOST
    return made


def to_other_host(document: Raw) -> None:
    document["steps"]["tell"]["inputs"]["url"] = "https://other.example/orders/1"
    document["steps"]["sum"]["inputs"]["source"] = "def main(input):\n    return {'v': 2}\n"


async def test_it_holds_the_diff_the_tests_the_simulated_run_and_what_stands_out(box: Toolbox) -> None:
    draft = await saved(box, to_other_host)
    made = await shown(box)
    assert (made["workflow"], made["revision"], made["live_version"]) == ("orders", 2, 1)
    assert made["content_hash"] == draft["content_hash"]
    assert [(step["id"], step["change"]) for step in made["diff"]["steps"]] == [("tell", "changed"), ("sum", "changed")]
    assert made["diff"]["steps"][0]["inputs"] == [
        {
            "path": "/inputs/url",
            "change": "changed",
            "from": "https://shop.example/orders/1",
            "to": "https://other.example/orders/1",
        }
    ]
    assert (made["tests"]["passed"], made["tests"]["failed"], len(made["tests"]["results"])) == (2, 0, 2)
    assert (made["simulation"]["status"], made["simulation"]["from"]) == ("succeeded", "the test 'one'")
    assert made["simulation"]["steps"][0] == {
        "step": "tell",
        "module": "http.request",
        "effect": "write",
        "status": "succeeded",
        "stand_in": "mock",
        "would": {"method": "PUT", "url": "https://other.example/orders/1", "json": {"n": 5}},
    }
    assert {step["step"]: step["status"] for step in made["simulation"]["steps"]} == {
        "tell": "succeeded",
        "total": "succeeded",
        "check": "succeeded",
        "note": "skipped",
        "sum": "succeeded",
    }
    assert made["effects"] == [
        "tell: http.request PUT https://other.example/orders/1",
        "note: kv.set last (as written: the simulation did not come to it)",
    ]
    assert {(one["kind"], one["node"]) for one in made["stands_out"]} == {("host", "tell"), ("code", "sum")}
    assert [(part["part"], part["steps"]) for part in made["parts"]] == [("1", ["tell"]), ("2", ["sum"])]
    assert "https" not in made["parts"][0]["stands_out"][0]
    assert "other.example" in made["parts"][0]["stands_out"][0]
    assert made["not_checked"] == [
        "http.request was not called: a mock stood in for 'tell'.",
        "The simulation did not come to 'note'.",
    ]


async def test_what_was_never_live_is_compared_with_nothing(box: Toolbox) -> None:
    name = await box.stack.define({key: value for key, value in orders().items() if key != "tests"}, deploy=False)
    made = await shown(box, name)
    assert made["live_version"] is None
    assert {step["change"] for step in made["diff"]["steps"]} == {"added"}
    assert [part["title"] for part in made["parts"]] == ["the whole workflow, which isn't live yet"]
    assert made["tests"] == {"passed": 0, "failed": 0, "results": []}
    assert made["simulation"]["from"] == "a sample for the trigger 'hook'"
    assert made["simulation"]["status"] == "succeeded"
    assert made["not_checked"][0] == "The workflow has no tests."
    assert "made-up data" in made["not_checked"][1]


async def test_a_draft_with_errors_is_shown_and_nothing_is_run(box: Toolbox) -> None:
    await saved(box, lambda document: document.update(output="{{ steps.gone.output }}"))
    made = await shown(box)
    assert made["simulation"]["status"] == "not_run"
    assert made["findings"][0]["severity"] == "error"
    assert "The draft has errors" in made["not_checked"][0]
    assert len(made["parts"]) == 1


async def test_a_failing_test_and_a_run_that_fails_are_told(box: Toolbox) -> None:
    await saved(
        box, lambda document: document["steps"]["total"]["inputs"]["values"].update(amount="{{ input.id + 'x' }}")
    )
    made = await shown(box)
    assert made["tests"]["failed"] == 2
    assert made["simulation"]["status"] == "failed"
    assert made["simulation"]["error"]["step"] == "total"


async def test_simulated_writes_reach_no_server_and_leave_nothing_behind(box: Toolbox, http_server: HttpServer) -> None:
    def reaching(document: Raw) -> None:
        document["steps"]["get"] = {"module": "http.request", "inputs": {"url": f"{http_server.url}/read"}}
        document["steps"]["put"] = {
            "module": "http.request",
            "inputs": {"method": "POST", "url": f"{http_server.url}/write", "json": {"n": "{{ input.id }}"}},
        }
        document["steps"]["ask"] = {"module": "core.wait_for_event", "inputs": {"timeout": "1h"}}
        document["edges"] += [{"from": "hook", "to": each} for each in ("get", "put", "ask")]
        document["tests"] = []

    await saved(box, reaching, orders(http_server.url))
    made = await shown(box)
    assert made["simulation"]["status"] == "succeeded", made["simulation"]
    assert f"put: http.request POST {http_server.url}/write" in made["effects"]
    assert http_server.requests == []
    assert http_server.connections == 0
    steps = {step["step"]: step for step in made["simulation"]["steps"]}
    assert steps["put"]["would"]["json"] == {"n": 1}
    assert "would" not in steps["get"]


async def test_no_secret_is_in_it(box: Toolbox) -> None:
    await put_secret(box, "SHOP_TOKEN", CANARY)

    def change(document: Raw) -> None:
        document["requires"] = {"variables": ["SHOP_TOKEN"]}
        document["steps"]["tell"]["inputs"]["headers"] = {
            "x-key": "{{ vars.SHOP_TOKEN }}",
            "authorization": "letmein-please-99",
        }
        document["steps"]["note"]["inputs"]["value"] = "ghp_" + "a1B2" * 9
        document["steps"]["tell"]["inputs"]["auth"] = {"basic": {"username": "u", "password": "hunter2-hunter2"}}

    await saved(box, change)
    made = await shown(box)
    text = json.dumps(made)
    for secret in (CANARY, "letmein-please-99", "ghp_a1B2", "hunter2-hunter2"):
        assert secret not in text
    assert {(one["kind"], one["node"]) for one in made["stands_out"]} == {("credential", "tell")}
    assert any("SHOP_TOKEN" in one["text"] for one in made["stands_out"])
    answer = await box.call("deploy", "request", workflow="orders", note="a ghp_" + "a1B2" * 9)
    assert "a1B2" not in json.dumps([answer.content, answer.fact, answer.approval and answer.approval.change_set])


async def test_a_secret_that_is_changed_by_itself_is_known_by_its_place(box: Toolbox) -> None:
    def login(password: str) -> Callable[[Raw], object]:
        auth = {"basic": {"username": "u", "password": password}}
        return lambda document: document["steps"]["tell"]["inputs"].update(auth=auth)

    await saved(box, login("second-word-22"), changed(login("first-word-11")))
    made = await shown(box)
    assert [change["path"] for change in made["diff"]["steps"][0]["inputs"]] == ["/inputs/auth/basic/password"]
    assert not {word for word in ("first-word-11", "second-word-22") if word in json.dumps(made)}


async def put_secret(box: Toolbox, name: str, value: str) -> None:
    workspace_id = box.stack.workspace_id
    closed = await SecretVariables(box.stack.db, box.stack.vault).close(workspace_id, value)
    async with box.stack.db.tenant(workspace_id) as conn:
        made = await variables.create(
            conn, workspace_id, name, closed.shape, variable_id=closed.variable_id, closed=closed.closed
        )
    assert made is not None


async def test_a_huge_change_is_cut_and_says_so(box: Toolbox) -> None:
    def change(document: Raw) -> None:
        for n in range(400):
            document["steps"][f"s{n}"] = {
                "module": "http.request",
                "inputs": {"method": "POST", "url": f"https://host{n}.example/{'x' * 200}", "body": "ü" * 800},
            }
            document["edges"].append({"from": "hook", "to": f"s{n}"})

    await saved(box, change)
    made = await shown(box)
    assert len(made["parts"]) == 1
    told = " ".join(made["not_checked"])
    for what in ("changed steps", "changed edges", "steps of the simulation", "effects", "things that stand out"):
        assert f"more {what}" in told
    assert made["simulation"]["status"] == "succeeded"


async def test_the_draft_may_not_move_meanwhile(box: Toolbox) -> None:
    await saved(box, to_other_host)

    async def saving(call: ModuleCall, inputs: Raw) -> Result:
        await save(box, "orders", changed(lambda document: document.update(title="moved")))
        return await box.kit.call_isolated(call, inputs)

    with pytest.raises(Conflict, match="while it was looked at"):
        await change_set(replace(box.kit, call_isolated=saving), box.askers["editor"], "orders")


async def test_some_parts_are_deployed_and_the_rest_stays_in_the_draft(box: Toolbox) -> None:
    draft = await saved(box, to_other_host)
    made = await shown(box)
    asker, definitions = box.askers["editor"], box.kit.definitions
    for wrong in (["3"], []):
        with pytest.raises(Invalid):
            await deploy_parts(definitions, asker, made, wrong, None)
    version = await deploy_parts(definitions, asker, made, ["2"], "approved")
    live = await definitions.version(asker.workspace_id, "orders", cast("int", version["version"]))
    wanted = orders()
    wanted["steps"]["sum"]["inputs"]["source"] = "def main(input):\n    return {'v': 2}\n"
    assert (live["document"], live["live"], live["note"]) == (wanted, True, "approved")
    kept = await definitions.draft(asker.workspace_id, "orders")
    assert (kept["revision"], kept["content_hash"]) == (draft["revision"], draft["content_hash"])
    with pytest.raises(Conflict, match="Another version is live"):
        await deploy_parts(definitions, asker, made, ["1"], None)
    rest = await shown(box)
    assert [part["steps"] for part in rest["parts"]] == [["tell"]]
    await save(box, "orders", changed(lambda document: document.update(title="moved")))
    with pytest.raises(Conflict, match="draft was changed"):
        await deploy_parts(definitions, asker, rest, ["1"], None)


async def test_all_parts_are_the_draft(box: Toolbox) -> None:
    draft = await saved(box, to_other_host)
    made = await shown(box)
    version = await deploy_parts(box.kit.definitions, box.askers["editor"], made, ["1", "2"], None)
    assert version["content_hash"] == draft["content_hash"]
    assert (await shown(box))["parts"] == []


async def test_asking_to_deploy_ends_with_a_request_that_is_bound_to_the_draft(box: Toolbox) -> None:
    draft = await saved(box, to_other_host)
    answer = await box.call("deploy", "request", place=placed("orders"), note="Another host")
    assert answer.approval is not None
    assert (answer.approval.action, answer.approval.workflow) == ("deploy", "orders")
    assert answer.approval.content_hash == draft["content_hash"] == content_hash(draft["document"])
    assert answer.approval.change_set["note"] == "Another host"
    told = as_object(answer.content)
    assert (told["asked"], told["tests_passed"], told["simulation"], told["parts"]) == (True, 2, "succeeded", 2)
    view = await box.kit.definitions.get(box.stack.workspace_id, "acme", "orders")
    assert view["live_version"] == 1, "nothing was deployed"


async def test_showing_asks_for_nothing(box: Toolbox) -> None:
    await saved(box, to_other_host)
    answer = await box.call("deploy", "show", workflow="orders")
    assert answer.approval is None
    assert answer.fact is not None
    assert (answer.fact["kind"], answer.fact["workflow"]) == ("change_set", "orders")
    assert "other.example" not in " ".join(unmarked(answer.content)), "what others wrote is marked"
    assert "other.example" in json.dumps(answer.content)


async def test_it_is_refused_with_errors_without_changes_and_without_the_right(box: Toolbox) -> None:
    await saved(box, lambda document: None)
    assert (await box.call("deploy", "request", workflow="orders")).error == "deploy.nothing"
    assert (await box.call("deploy", "request", by="viewer", workflow="orders")).error == "auth.forbidden"
    assert (await box.call("deploy", "show", by="viewer", workflow="orders")).error == "auth.forbidden"
    assert (await box.call("deploy", "request", by="foreign", workflow="orders")).error == "workflow.unknown"
    await save(box, "orders", changed(lambda document: document.update(output="{{ steps.gone.output }}")))
    refused = await box.call("deploy", "request", workflow="orders")
    assert (refused.error, refused.approval) == ("document.invalid", None)
    assert "findings" in as_object(as_object(as_object(refused.content)["told"])["data"])


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
async def test_each_example_has_evidence_and_is_run_without_its_servers(box: Toolbox, name: str) -> None:
    document = parse((EXAMPLES / name).read_text(), "yaml").document
    made = await box.kit.definitions.create(box.stack.workspace_id, "acme", None, document, authority="owner")
    evidence = await shown(box, str(made["name"]))
    simulation = evidence["simulation"]
    assert simulation["status"] in ("succeeded", "not_run"), simulation
    assert (simulation["status"] == "not_run") == any(one["severity"] == "error" for one in evidence["findings"])
    assert evidence["tests"]["failed"] == 0
    assert len(evidence["parts"]) == 1
