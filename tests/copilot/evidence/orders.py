"""A document with something of everything that a change may touch, and changes of it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final, TypeAlias

from engine.spec.normalize import complete
from modules.registry import load_registry

Raw: TypeAlias = "dict[str, Any]"  # documents are built by hand here
REGISTRY: Final = load_registry()


def orders(url: str = "https://shop.example") -> Raw:
    """A valid document, complete with versions."""
    document: Raw = {
        "schema_version": 1,
        "name": "orders",
        "input_schema": {"type": "object", "properties": {"id": {"type": "integer"}, "to": {"type": "string"}}},
        "triggers": {"hook": {"module": "webhook.trigger", "inputs": {"auth": "key"}}},
        "steps": {
            "total": {"module": "core.set", "inputs": {"values": {"amount": "{{ input.id | default(7) }}"}}},
            "check": {"module": "core.if", "inputs": {"condition": "{{ steps.total.output.amount > 1 }}"}},
            "tell": {
                "module": "http.request",
                "inputs": {"method": "PUT", "url": f"{url}/orders/1", "json": {"n": "{{ steps.total.output.amount }}"}},
            },
            "note": {"module": "kv.set", "inputs": {"key": "last", "value": "{{ steps.total.output.amount }}"}},
            "sum": {"module": "code.python", "inputs": {"source": "def main(input):\n    return {'v': 1}\n"}},
        },
        "edges": [
            {"from": "hook", "to": "total"},
            {"from": "total", "to": "check"},
            {"from": "check", "handle": "true", "to": "tell"},
            {"from": "check", "handle": "false", "to": "note"},
            {"from": "hook", "to": "sum"},
        ],
        "output": "{{ steps.total.output }}",
        "tests": [
            {
                "name": "one",
                "trigger_id": "hook",
                "input": {"id": 5},
                "mocks": {"tell": {"output": {"status": 200, "headers": {}}}},
                "expect": {"output": {"amount": 5}},
            },
            {
                "name": "small",
                "trigger_id": "hook",
                "input": {"id": 1},
                "mocks": {"note": {"output": {}}},
                "expect": {"skipped": ["tell"]},
            },
        ],
    }
    done = complete(document, REGISTRY)
    assert isinstance(done, dict)
    return done


def with_mail(document: Raw, to: str) -> None:
    document["requires"] = {"connections": {"post": {"app": "email"}}}
    document["steps"]["mail"] = {
        "module": "email.send",
        "version": 1,
        "connection": "post",
        "inputs": {"to": to, "subject": "s", "text": "t"},
    }
    document["edges"].append({"from": "tell", "to": "mail"})


def changed(change: Callable[[Raw], object], base: Raw | None = None) -> Raw:
    """A copy of `orders()`, or of `base`, with the change."""
    document = deepcopy(orders() if base is None else base)
    change(document)
    done = complete(document, REGISTRY)
    assert isinstance(done, dict)
    return done
