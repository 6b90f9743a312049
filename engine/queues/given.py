"""The bodies of requests about items: what to add, and which dead letters are meant."""

from __future__ import annotations

from uuid import UUID

from db.data import storable
from engine.expressions.values import Json
from engine.mistakes import Mistakes
from engine.problems import Invalid
from engine.queues.sealed_items import CALL_LIMIT, KEY_LIMIT
from engine.queues.settings import seconds
from modules.sdk.context import QueueItem

JsonObject = dict[str, Json]

LONGEST_DELAY = 366 * 86_400.0
_ITEM = ("data", "ordering_key", "dedupe_key", "delay")


def object_of(body: Json) -> JsonObject:
    """Raises `Invalid` for what is no object."""
    if not isinstance(body, dict):
        raise Invalid("request.invalid", "The body must be an object.")
    return body


def read_items(body: Json) -> list[QueueItem]:
    """Of `{items: [{data, ordering_key?, dedupe_key?, delay?}]}`. Raises `Invalid` with a finding for each mistake."""
    given = object_of(body)
    mistakes = Mistakes()
    mistakes.unknown("", given, ("items",))
    rows = given.get("items")
    if not isinstance(rows, list) or not rows:
        mistakes.add("/items", "a list of at least one item is needed")
        rows = []
    if len(rows) > CALL_LIMIT:
        mistakes.add("/items", f"at most {CALL_LIMIT:,} items go into one call, and these are {len(rows):,}")
        rows = []
    items = [_item(row, index, mistakes) for index, row in enumerate(rows)]
    mistakes.check()
    return items


def read_chosen(body: Json) -> list[UUID] | None:
    """Of `{item_ids}` or `{all: true}`; None: all. Raises `Invalid`."""
    given = object_of(body)
    mistakes = Mistakes()
    mistakes.unknown("", given, ("item_ids", "all"))
    every, rows = given.get("all", False), given.get("item_ids")
    chosen: list[UUID] = []
    if not isinstance(every, bool):
        mistakes.add("/all", "'all' is true or false")
    elif every == (rows is not None):
        mistakes.add("", "either `item_ids` or `all: true` says which dead letters are meant")
    elif rows is not None and (not isinstance(rows, list) or len(rows) > CALL_LIMIT):
        mistakes.add("/item_ids", f"a list of at most {CALL_LIMIT:,} ids is needed")
    else:
        for index, row in enumerate(rows if isinstance(rows, list) else ()):
            try:
                chosen.append(UUID(row if isinstance(row, str) else ""))
            except ValueError:
                mistakes.add(f"/item_ids/{index}", "this is no item's id")
    mistakes.check()
    return None if every else chosen


def _item(row: Json, index: int, mistakes: Mistakes) -> QueueItem:
    path = f"/items/{index}"
    if not isinstance(row, dict):
        mistakes.add(path, "an item is an object with `data`")
        return QueueItem(None)
    mistakes.unknown(path, row, _ITEM)
    if "data" not in row:
        mistakes.add(path, "the item has no `data`")
    return QueueItem(
        row.get("data"),
        _key(row, "ordering_key", index, mistakes),
        _key(row, "dedupe_key", index, mistakes),
        _delay(row, index, mistakes),
    )


def _key(row: JsonObject, name: str, index: int, mistakes: Mistakes) -> str | None:
    key = row.get(name)
    if key is None:
        return None
    path = f"/items/{index}/{name}"
    if not isinstance(key, str):
        mistakes.add(path, f"the {name} of item {index} is not text", "write it in quotes")
    elif not 1 <= len(key) <= KEY_LIMIT:
        mistakes.add(path, f"the {name} of item {index} has {len(key):,} characters; from 1 to {KEY_LIMIT} are allowed")
    elif not storable(key):
        mistakes.add(path, f"the {name} of item {index} holds NUL or half a surrogate pair")
    else:
        return key
    return None


def _delay(row: JsonObject, index: int, mistakes: Mistakes) -> float:
    given = row.get("delay")
    if given is None:
        return 0.0
    try:
        delay = seconds(given)
    except ValueError as error:
        mistakes.add(f"/items/{index}/delay", str(error))
        return 0.0
    if delay > LONGEST_DELAY:
        mistakes.add(f"/items/{index}/delay", f"the delay of item {index} is longer than 366 days")
    return delay
