"""What an operation is: a name, its parameters, and a change of a draft.

A draft may be wrong anywhere, so nothing here takes a form for granted: where a part that an operation needs isn't what it should be, the
operation is refused with a sentence, and the document stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from engine.expressions.nearest import suggestion
from engine.expressions.values import Json
from engine.spec.catalog import Catalog

JsonObject: TypeAlias = "dict[str, Json]"
Arguments: TypeAlias = Mapping[str, Json]

DOCUMENT_ORDER: Final = (
    "schema_version name title description input_schema triggers steps edges output requires settings tests layout".split()  # noqa: SIM905
)
STEP_ORDER: Final = (
    "module version title notes inputs parent slot join on_error retry timeout throttle connection disabled".split()  # noqa: SIM905
)
TEST_ORDER: Final = "name trigger trigger_id input vars mocks expect".split()  # noqa: SIM905
EDGE_ORDER: Final = "from handle to".split()  # noqa: SIM905


class Refused(Exception):
    """An operation that can't be done. The sentence says what is in the way and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Operation:
    """`needs` and `takes` are names of `copilot/edits/parameters.py`. `change` works on the draft in place; it raises `Refused`."""

    name: str
    does: str
    change: Callable[[Draft, Arguments], None]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


@dataclass(slots=True)
class Draft:
    """A document in work. `document` is a copy of our own."""

    document: JsonObject
    catalog: Catalog
    _sections: tuple[str, ...] = field(default=("steps", "triggers"), repr=False)

    def section(self, name: str, *, make: bool = False) -> JsonObject:
        """An object of the document; an empty one where it is missing, which is put in with `make`."""
        found = self.document.get(name)
        if found is None:
            made: JsonObject = {}
            if make:
                put(self.document, name, made, DOCUMENT_ORDER)
            return made
        if not isinstance(found, dict):
            raise Refused(f"`{name}` of the document isn't an object; that must be mended first.")
        return found

    def rows(self, name: str, *, make: bool = False) -> list[Json]:
        """A list of the document, likewise."""
        found = self.document.get(name)
        if found is None:
            made: list[Json] = []
            if make:
                put(self.document, name, made, DOCUMENT_ORDER)
            return made
        if not isinstance(found, list):
            raise Refused(f"`{name}` of the document isn't a list; that must be mended first.")
        return found

    def step(self, id_: str) -> JsonObject:
        return _row(self.section("steps"), id_, "step")

    def node(self, id_: str) -> JsonObject:
        """A step or a trigger."""
        for name in self._sections:
            found = self.section(name).get(id_)
            if isinstance(found, dict):
                return found
        known = [each for name in self._sections for each in self.section(name)]
        raise Refused(f"There is no step or trigger {id_!r}.{suggestion(id_, known)}")

    def must_be_free(self, id_: str) -> None:
        """Steps and triggers share one name space."""
        for name in self._sections:
            if id_ in self.section(name):
                raise Refused(f"There is a {name[:-1]} {id_!r} already: choose another id, or change that one.")

    def must_be_module(self, name: str) -> None:
        if self.catalog.newest(name) is None:
            raise Refused(
                f"There is no module {name!r}.{suggestion(name, self.catalog.names())} Look for one by `modules.search`."
            )

    def scope_of(self, id_: str) -> tuple[str | None, str]:
        """The container slot in which a step lives, `(None, "body")` at the root."""
        step = self.section("steps").get(id_)
        parent = step.get("parent") if isinstance(step, dict) else None
        slot = step.get("slot") if isinstance(step, dict) else None
        if not isinstance(parent, str):
            return None, "body"
        return parent, slot if isinstance(slot, str) else "body"

    def inside(self, id_: str) -> list[str]:
        """All steps inside of a container, however deep, in the order of the text."""
        steps = self.section("steps")
        found: list[str] = []
        waiting = [id_]
        while waiting:
            container = waiting.pop(0)
            below = [
                name
                for name, step in steps.items()
                if isinstance(step, dict) and step.get("parent") == container and name not in found and name != id_
            ]
            found += below
            waiting += below
        return found


def put(target: JsonObject, key: str, value: Json, order: Sequence[str]) -> None:
    """Sets a member. A new one goes where the order of keys has it, before the first that comes later; the others stay as they stand."""
    if key in target or key not in order:
        target[key] = value
        return
    place = order.index(key)
    later = set(order[place + 1 :])
    names = list(target)
    behind = names[next((at for at, name in enumerate(names) if name in later), len(names)) :]
    moved = {name: target.pop(name) for name in behind}
    target[key] = value
    target.update(moved)


def text(given: Arguments, name: str) -> str:
    """An argument that the operation needs, and that is a text by its schema."""
    value = given.get(name)
    if not isinstance(value, str):
        raise Refused(f"`{name}` must be a text.")
    return value


def texts(given: Arguments, name: str) -> list[str]:
    value = given.get(name)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def maybe_text(given: Arguments, name: str) -> str | None:
    value = given.get(name)
    return value if isinstance(value, str) else None


def an_object(given: Arguments, name: str) -> JsonObject:
    value = given.get(name)
    if not isinstance(value, dict):
        raise Refused(f"`{name}` must be an object.")
    return value


def _row(section: JsonObject, id_: str, what: str) -> JsonObject:
    found = section.get(id_)
    if found is None:
        raise Refused(f"There is no {what} {id_!r}.{suggestion(id_, section)}")
    if not isinstance(found, dict):
        raise Refused(f"The {what} {id_!r} isn't an object; remove it and add it anew.")
    return found
