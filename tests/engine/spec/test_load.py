from engine.spec.document import Edge, JsonObject, Retry, Settings, Throttle
from engine.spec.load import load


def test_the_least_document() -> None:
    document = load({"schema_version": 1, "name": "empty"})
    assert (document.name, document.steps, document.triggers, document.edges) == ("empty", {}, {}, ())
    assert document.output is None
    assert not document.has_output
    assert document.settings == Settings(finally_timeout=30.0, log="full", retention_days=30)


def test_durations_are_seconds_and_defaults_are_filled() -> None:
    source: JsonObject = {
        "schema_version": 1,
        "name": "full",
        "title": "Full",
        "input_schema": {"type": "object"},
        "triggers": {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {"method": "POST"}}},
        "steps": {
            "a": {
                "module": "http.request",
                "version": 2,
                "inputs": {"url": "{{ vars.U }}"},
                "retry": {"max_attempts": 5, "initial": "500ms", "backoff": 2, "max_interval": "1m", "on": ["http.*"]},
                "timeout": "1h",
                "throttle": {"key": "k", "count": 3, "per": "1s"},
                "connection": "shop",
            },
            "b": {
                "module": "core.set",
                "version": 1,
                "parent": "a",
                "join": "any",
                "on_error": "branch",
                "disabled": True,
            },
        },
        "edges": [{"from": "hook", "to": "a"}, {"from": "a", "handle": "error", "to": "b"}],
        "output": None,
        "requires": {"variables": ["U"], "connections": {"shop": {"app": "shop"}}},
        "settings": {"timeout": 90, "max_concurrent_runs": 2, "concurrency_key": "{{ input.k }}", "log": "none"},
        "tests": [{"name": "t"}],
        "layout": {"a": {"x": 0, "y": 0}},
    }
    document = load(source)
    a, b = document.steps["a"], document.steps["b"]
    assert a.retry == Retry(max_attempts=5, initial=0.5, backoff=2.0, max_interval=60.0, on=("http.*",))
    assert (a.timeout, a.throttle, a.connection) == (3600.0, Throttle("k", 3, 1.0), "shop")
    assert (b.parent, b.slot, b.join, b.on_error, b.disabled) == ("a", "body", "any", "branch", True)
    assert document.edges == (Edge("hook", "a"), Edge("a", "b", "error"))
    assert document.has_output
    assert document.required_variables == ("U",)
    assert document.required_connections == {"shop": "shop"}
    assert document.settings == Settings(90.0, 30.0, 2, "{{ input.k }}", "none", 30)
    assert document.triggers["hook"].inputs == {"method": "POST"}
