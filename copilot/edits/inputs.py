"""Inputs of steps and triggers, by place."""

from __future__ import annotations

from copilot.edits.operation import STEP_ORDER, Arguments, Draft, JsonObject, Operation, Refused, an_object, put, text
from engine.expressions.nearest import suggestion
from engine.expressions.values import Json
from engine.spec.pointer import tokens_of

_DEEPEST = 64


def _tokens(path: str) -> list[str]:
    """Of a JSON Pointer, or of a plain name."""
    tokens = tokens_of(path) if path.startswith("/") else [path]
    if not path or len(tokens) > _DEEPEST:
        raise Refused("`path` names an input, as `url` or `/headers/Accept`; `set_inputs` sets all of them.")
    return tokens


def _inputs(node: JsonObject, id_: str) -> JsonObject:
    found = node.get("inputs")
    if found is None:
        made: JsonObject = {}
        put(node, "inputs", made, STEP_ORDER)
        return made
    if not isinstance(found, dict):
        raise Refused(f"The inputs of {id_!r} aren't an object: set them anew by `set_inputs`.")
    return found


def _set(draft: Draft, given: Arguments) -> None:
    id_, tokens = text(given, "id"), _tokens(text(given, "path"))
    if "value" not in given:
        raise Refused("`set_input` needs `value`; `remove_input` takes one away.")
    here: Json = _inputs(draft.node(id_), id_)
    for at, token in enumerate(tokens):
        last = at == len(tokens) - 1
        if isinstance(here, dict):
            if last:
                here[token] = given["value"]
            else:
                if here.get(token) is None:
                    here[token] = {}
                here = here[token]
        elif isinstance(here, list):
            place = _place(here, token, end=last)
            if last and place == len(here):
                here.append(given["value"])
            elif last:
                here[place] = given["value"]
            else:
                here = here[place]
        else:
            raise Refused(
                f"Nothing can stand at {'/'.join(tokens)!r} of {id_!r}: {'/'.join(tokens[:at])!r} is a plain value."
            )


def _remove(draft: Draft, given: Arguments) -> None:
    id_, tokens = text(given, "id"), _tokens(text(given, "path"))
    here: Json = draft.node(id_).get("inputs")
    for token in tokens[:-1]:
        if isinstance(here, dict):
            here = here.get(token)
        elif isinstance(here, list):
            here = here[_place(here, token, end=False)]
    last = tokens[-1]
    if isinstance(here, dict) and last in here:
        del here[last]
    elif isinstance(here, list):
        del here[_place(here, last, end=False)]
    else:
        hint = suggestion(last, here) if isinstance(here, dict) else ""
        raise Refused(f"{id_!r} has no input {'/'.join(tokens)!r}.{hint}")


def _place(items: list[Json], token: str, *, end: bool) -> int:
    if end and token == "-":  # noqa: S105  (a place of a JSON Pointer)
        return len(items)
    if token.isascii() and token.isdigit() and len(token) < 7 and int(token) < len(items) + (1 if end else 0):
        return int(token)
    raise Refused(f"{token[:40]!r} is no place of a list of {len(items)}; `-` appends to it.")


def _replace(draft: Draft, given: Arguments) -> None:
    put(draft.node(text(given, "id")), "inputs", an_object(given, "inputs"), STEP_ORDER)


OPERATIONS = (
    Operation("set_input", "sets one input, or a part of one", _set, ("id", "path"), ("value",)),
    Operation("remove_input", "takes one input away", _remove, ("id", "path")),
    Operation("set_inputs", "replaces all inputs", _replace, ("id", "inputs")),
)
