import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.expressions.values import Json
from engine.spec.canonical import canonical_bytes, content_hash
from engine.spec.diff import diff
from engine.spec.document import JsonObject
from engine.spec.pointer import tokens_of

KEYS = st.sampled_from(["a", "b", "c/d", "~e", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
EDGE = st.fixed_dictionaries({"from": KEYS, "to": KEYS}, optional={"handle": st.sampled_from(["out", "true"])})
DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "name": JSON,
        "steps": st.dictionaries(KEYS, st.dictionaries(KEYS, JSON, max_size=3), max_size=3),
        "edges": st.lists(EDGE, max_size=4),
        "output": JSON,
        "settings": JSON,
    },
)


def put(root: JsonObject, tokens: list[str], change: JsonObject) -> None:
    for token in tokens[:-1]:
        below = root[token]
        assert isinstance(below, dict)
        root = below
    if change["change"] == "removed":
        del root[tokens[-1]]
    else:
        root[tokens[-1]] = change["to"]


def apply(document: JsonObject, changes: JsonObject) -> JsonObject:
    """What a client would do with a diff."""
    done = copy.deepcopy(document)
    for step in changes["steps"]:  # type: ignore[union-attr]
        for change in step["inputs"]:  # type: ignore[index, call-overload]
            done.setdefault("steps", {})
            put(done, ["steps", step["id"], *tokens_of(change["path"])], change)  # type: ignore[index, call-overload]
    for change in changes["other"]:  # type: ignore[union-attr]
        put(done, tokens_of(change["path"]), change)  # type: ignore[index, call-overload, arg-type]
    edges = [{"from": e["from"], "handle": e.get("handle", "out"), "to": e["to"]} for e in done.get("edges", [])]  # type: ignore
    for change in changes["edges"]:  # type: ignore[union-attr]
        if change["change"] == "removed":  # type: ignore[index, call-overload]
            edges = [edge for edge in edges if edge != change["edge"]]  # type: ignore[index, call-overload]
        else:
            edges.append(change["edge"])  # type: ignore[index, call-overload]
    done["edges"] = edges
    return done


def settled(document: JsonObject) -> bytes:
    """A document up to what the order of edges and empty sections mean: nothing."""
    edges = {(e["from"], e.get("handle", "out"), e["to"]) for e in document.get("edges", [])}  # type: ignore
    rest = {key: value for key, value in document.items() if key != "edges" and not (key == "steps" and not value)}
    return canonical_bytes([rest, [list(edge) for edge in sorted(edges)]])


@given(DOCUMENT, DOCUMENT)
@settings(max_examples=200)
def test_applying_the_diff_gives_the_other(before: JsonObject, after: JsonObject) -> None:
    assert settled(apply(before, diff(before, after))) == settled(after)


@given(JSON | DOCUMENT)
def test_nothing_changes_between_a_thing_and_itself(value: Json) -> None:
    assert diff(value, copy.deepcopy(value)) == {"steps": [], "edges": [], "other": []}


@given(JSON | DOCUMENT, JSON | DOCUMENT)
def test_an_empty_diff_means_the_same_content(before: Json, after: Json) -> None:
    if content_hash(before) == content_hash(after) and isinstance(before, dict):
        assert diff(before, after) == {"steps": [], "edges": [], "other": []}


def test_by_step_input_and_edge() -> None:
    before: JsonObject = {
        "name": "a",
        "steps": {
            "get": {"module": "http.request", "version": 1, "inputs": {"url": "u", "query": {"a/b": 1}}},
            "old": {"module": "core.set", "version": 1},
        },
        "edges": [{"from": "get", "to": "old"}, {"from": "hook", "handle": "out", "to": "get"}],
        "output": None,
    }
    after: JsonObject = {
        "name": "a",
        "steps": {
            "get": {
                "module": "http.request",
                "version": 1,
                "inputs": {"url": "v", "query": {"a/b": 2}},
                "timeout": "1s",
            },
            "new": {"module": "core.set", "version": 1},
        },
        "edges": [{"from": "hook", "to": "get"}, {"from": "get", "handle": "error", "to": "new"}],
        "settings": {"log": "none"},
    }
    assert diff(before, after) == {
        "steps": [
            {
                "id": "get",
                "change": "changed",
                "inputs": [
                    {"path": "/inputs/url", "change": "changed", "from": "u", "to": "v"},
                    {"path": "/inputs/query/a~1b", "change": "changed", "from": 1, "to": 2},
                    {"path": "/timeout", "change": "added", "from": None, "to": "1s"},
                ],
            },
            {
                "id": "old",
                "change": "removed",
                "inputs": [{"path": "", "change": "removed", "from": {"module": "core.set", "version": 1}, "to": None}],
            },
            {
                "id": "new",
                "change": "added",
                "inputs": [{"path": "", "change": "added", "from": None, "to": {"module": "core.set", "version": 1}}],
            },
        ],
        "edges": [
            {"change": "removed", "edge": {"from": "get", "handle": "out", "to": "old"}},
            {"change": "added", "edge": {"from": "get", "handle": "error", "to": "new"}},
        ],
        "other": [
            {"path": "/output", "change": "removed", "from": None, "to": None},
            {"path": "/settings", "change": "added", "from": None, "to": {"log": "none"}},
        ],
    }
