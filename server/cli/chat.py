"""`chat`: talk with the copilot in the terminal. It writes as it thinks; what it asks for is decided here, after the change set."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.client import connect
from server.cli.output import CliError, JsonOption, Out

if TYPE_CHECKING:
    from engine.expressions.values import Json
    from server.cli.client import Api, Event, JsonObject


def register(app: typer.Typer) -> None:
    @app.command()
    def chat(
        message: Annotated[
            str | None, typer.Argument(help="What to say; asked for on a terminal unless given.")
        ] = None,
        conversation: Annotated[
            str | None, typer.Option("--conversation", "-c", help="Go on with this conversation.")
        ] = None,
        workflow: Annotated[str | None, typer.Option("--workflow", help="What a new one is about: name or id.")] = None,
        run: Annotated[str | None, typer.Option("--run", help="What a new one is about: a run's id.")] = None,
        approve: Annotated[str | None, typer.Option("--approve", help="An approval that was asked for.")] = None,
        refuse: Annotated[str | None, typer.Option("--refuse", help="The same, refused.")] = None,
        content_hash: Annotated[
            str | None, typer.Option("--hash", help="With these: the hash of the change set that you saw.")
        ] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Talk with the copilot: it builds drafts, explains runs, repairs, and deploys what you approve."""
        api, out = connect(), Out(as_json)
        if approve is not None or refuse is not None:
            _decide_by_id(api, out, approve, refuse, content_hash)
            return
        if message is None and not sys.stdin.isatty():
            raise CliError("there is nothing to say", 'give a message: millstream chat "why did the last run fail?"')
        place = conversation or str(
            api.post("/copilot/conversations", {"workflow": workflow, "run": run})["conversation_id"]
        )
        _talk(api, out, place, message)


def _talk(api: Api, out: Out, place: str, message: str | None) -> None:
    asking = message is None
    if not out.as_json:
        out.note(f"conversation {place}")
    failed = False
    while message is not None or asking:
        if message is None:
            try:
                message = input("> ").strip()
            except EOFError:
                break
            if not message:
                continue
        turn = api.post(f"/copilot/conversations/{place}/messages", {"content": message})
        message = None
        asked, failed = _follow(api, out, place, turn)
        if asked is not None:
            message = _offer(api, out, asked)
    if failed and not asking:
        raise typer.Exit(1)


def _follow(api: Api, out: Out, place: str, turn: JsonObject) -> tuple[JsonObject | None, bool]:
    """Prints the turn; what it asks for at its end, and whether it failed."""
    asked: JsonObject | None = None
    own: set[Json] = set()
    for event in _of_turn(api.events(f"/copilot/conversations/{place}/events?after={turn['after_seq']}")):
        data = event.data if isinstance(event.data, dict) else {}
        if out.as_json:
            out.json({"id": event.id, "data": event.data})
        match data.get("type"):
            case "TEXT_MESSAGE_START" if data["role"] == "user":
                own.add(data["messageId"])
            case "TEXT_MESSAGE_CONTENT" if not out.as_json and data["messageId"] not in own:
                sys.stdout.write(str(data["delta"]))
                sys.stdout.flush()
            case "TEXT_MESSAGE_END" if not out.as_json and data["messageId"] not in own:
                sys.stdout.write("\n")
            case "TOOL_CALL_START":
                out.note(f"· {data['toolCallName']}")
            case "CUSTOM" if data.get("name") == "approval":
                value = data["value"]
                asked = value if isinstance(value, dict) else None
            case "CUSTOM" if data.get("name") == "question" and not out.as_json:
                _question(out, data["value"])
            case "CUSTOM" if data.get("name") == "text_reset" and not out.as_json:
                sys.stdout.write("\n… (the answer begins anew)\n")
            case "RUN_ERROR":
                out.note(f"{data['message']} ({data.get('code')})")
                return asked, True
            case _:
                pass
    return asked, False


def _of_turn(events: Iterator[Event]) -> Iterator[Event]:
    """Up to and with the end of the turn that comes first."""
    for event in events:
        yield event
        if isinstance(event.data, dict) and event.data.get("type") in ("RUN_FINISHED", "RUN_ERROR"):
            return


def _offer(api: Api, out: Out, asked: JsonObject) -> str | None:
    """Shows what would be done and asks; gives what to tell the copilot, None where nobody can be asked."""
    if out.as_json:
        return None
    show_change_set(out, asked)
    if not sys.stdin.isatty():
        out.note(f"approve: millstream chat --approve {asked['approval_id']} --hash {asked['content_hash']}")
        return None
    said = input(f"{asked['action']} {asked['workflow']}? [y/N] ").strip().lower()
    yes = said in ("y", "yes")
    decided = _decide(api, asked, yes)
    out.text(f"{decided['status']}: {decided['result']}" if yes else "refused")
    return None


def _decide(api: Api, asked: JsonObject, yes: bool) -> JsonObject:
    body: Json = {"decision": "approve" if yes else "refuse", "content_hash": asked["content_hash"]}
    return api.post(f"/copilot/approvals/{asked['approval_id']}", body)


def _decide_by_id(api: Api, out: Out, approve: str | None, refuse: str | None, content_hash: str | None) -> None:
    if approve is not None and refuse is not None:
        raise CliError("--approve and --refuse can't both be given")
    asked = api.get(f"/copilot/approvals/{approve or refuse}")
    if content_hash is None:
        show_change_set(out, asked)
        raise CliError("say by --hash which change set you decide on", f"the one above is {asked['content_hash']}")
    decided = _decide(api, {**asked, "content_hash": content_hash}, approve is not None)
    out.result(decided, f"{decided['action']} of {decided['workflow']}: {decided['status']}")


def _question(out: Out, value: Json) -> None:
    question = value if isinstance(value, dict) else {}
    out.text(str(question.get("text", "")))
    options = question.get("options")
    for option in options if isinstance(options, list) else []:
        out.text(f"  - {option}")


def show_change_set(out: Out, asked: JsonObject) -> None:
    """The diff by step, input and edge, in colour on a terminal; then what stands out, and what was and wasn't checked."""
    from server.cli.change_set import lines_of

    for mark, line in lines_of(asked["change_set"]):
        out.text(_coloured(mark, line) if out.fancy else f"{mark} {line}".rstrip())


def _coloured(mark: str, line: str) -> str:
    colour = {"+": "32", "-": "31", "~": "33", "!": "1;31"}.get(mark)
    text = f"{mark} {line}"
    return text if colour is None else f"\x1b[{colour}m{text}\x1b[0m"
