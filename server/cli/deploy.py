"""`deploy`, `export`, `import`: documents in and out of the running stack."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from server.cli.client import Api, JsonObject, Refused, connect
from server.cli.documents import name_of, read_document
from server.cli.output import CliError, JsonOption, Out

Document = Annotated[Path, typer.Argument(help="A workflow document, JSON or YAML.")]


def register(app: typer.Typer) -> None:
    @app.command()
    def deploy(
        file: Document,
        note: Annotated[str | None, typer.Option("--note", help="Why: it is kept with the version.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Save the document as the draft of its workflow, and make it the live version."""
        api, out = connect(), Out(as_json)
        saved, name = save(api, file)
        revision = _draft(saved)["revision"]
        version = api.post(f"/workflows/{name}/deploy", {"note": note, "base_revision": revision})
        workflow = api.get(f"/workflows/{name}")
        out.result(
            {**version, "workflow_id": workflow["workflow_id"], "name": name, "hooks": workflow["hooks"]},
            f"{name} version {version['version']} is live ({str(version['content_hash'])[:12]}).",
        )
        hooks = workflow["hooks"]
        for hook in hooks if isinstance(hooks, list) else []:
            if isinstance(hook, dict):
                out.text(f"  {hook['trigger']}: {hook['url']}")

    @app.command(name="import")
    def import_(file: Document, as_json: JsonOption = False) -> None:
        """Save the document as the draft of its workflow, without making it live."""
        out = Out(as_json)
        saved, name = save(connect(), file)
        draft = _draft(saved)
        out.result(saved, f"The draft of {name} is at revision {draft['revision']}.")
        findings = draft["findings"]
        for finding in findings if isinstance(findings, list) else []:
            if isinstance(finding, dict):
                out.text(f"  {finding['severity']}: {finding['path'] or '(document)'}: {finding['message']}")

    @app.command()
    def export(
        name: Annotated[str, typer.Argument(help="The workflow's name or id.")],
        version: Annotated[str, typer.Option("--version", help="A number, or draft.")] = "live",
        output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of the terminal.")] = None,
    ) -> None:
        """Print a document as JSON: the live version unless told otherwise."""
        text = json.dumps(_document(connect(), name, version), ensure_ascii=False, indent=2) + "\n"
        if output is None:
            sys.stdout.write(text)
            return
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CliError(f"{str(output)!r} can't be written ({error.strerror})") from error


def save(api: Api, file: Path) -> tuple[JsonObject, str]:
    """The workflow's answer, with the document as its draft."""
    document = read_document(file)
    name = name_of(document, file)
    try:
        base = _draft(api.get(f"/workflows/{name}"))["revision"]
    except Refused as refusal:
        if refusal.status != 404:
            raise
        return api.post("/workflows", {"document": document}), name
    api.request("PUT", f"/workflows/{name}/draft", body={"document": document, "base_revision": base})
    return api.get(f"/workflows/{name}"), name


def _draft(workflow: JsonObject) -> JsonObject:
    draft = workflow["draft"]
    assert isinstance(draft, dict)
    return draft


def _document(api: Api, name: str, version: str) -> object:
    if version == "draft":
        return api.get(f"/workflows/{name}/draft")["document"]
    if version == "live":
        live = api.get(f"/workflows/{name}")["live_version"]
        if live is None:
            raise CliError(
                f"{name!r} has no live version yet", f"see its draft: millstream export {name} --version draft"
            )
        version = str(live)
    return api.get(f"/workflows/{name}/versions/{version}")["document"]
