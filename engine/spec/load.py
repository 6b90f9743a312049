"""From a valid document's JSON to the typed `Document`."""

from __future__ import annotations

from typing import cast

from engine.expressions.durations import parse_duration
from engine.expressions.values import Json
from engine.spec.document import (
    SCHEMA_VERSION,
    Document,
    Edge,
    Join,
    JsonObject,
    LogLevel,
    OnError,
    OnLost,
    Retry,
    Settings,
    Step,
    Throttle,
    Trigger,
)


def load(document: Json) -> Document:
    """The typed form of a document that was validated without error findings and has every `version`.

    On anything else the result is unspecified, and KeyError, TypeError or ValueError may be raised.
    """
    source = cast("JsonObject", document)
    requires = _object(source.get("requires"))
    connections = _object(requires.get("connections"))
    return Document(
        name=cast("str", source["name"]),
        title=_text(source.get("title")),
        description=_text(source.get("description")),
        input_schema=_schema(source.get("input_schema")),
        triggers={id_: _trigger(id_, _object(value)) for id_, value in _object(source.get("triggers")).items()},
        steps={id_: _step(id_, _object(value)) for id_, value in _object(source.get("steps")).items()},
        edges=tuple(_edge(_object(value)) for value in _list(source.get("edges"))),
        output=source.get("output"),
        has_output="output" in source,
        required_variables=_texts(requires.get("variables")),
        required_connections={name: cast("str", _object(value)["app"]) for name, value in connections.items()},
        settings=_settings(_object(source.get("settings"))),
        tests=tuple(_object(value) for value in _list(source.get("tests"))),
        schema_version=cast("int", source.get("schema_version", SCHEMA_VERSION)),
    )


def _step(id_: str, source: JsonObject) -> Step:
    throttle = source.get("throttle")
    return Step(
        id=id_,
        module=cast("str", source["module"]),
        version=cast("int", source["version"]),
        inputs=_object(source.get("inputs")),
        title=_text(source.get("title")),
        notes=_text(source.get("notes")),
        parent=_text(source.get("parent")),
        slot=_text(source.get("slot")) or "body",
        join=cast("Join", source.get("join", "all")),
        on_error=cast("OnError", source.get("on_error", "fail")),
        retry=_retry(_object(source.get("retry"))),
        timeout=_seconds(source.get("timeout")),
        throttle=None if throttle is None else _throttle(_object(throttle)),
        connection=_text(source.get("connection")),
        disabled=source.get("disabled") is True,
    )


def _trigger(id_: str, source: JsonObject) -> Trigger:
    return Trigger(
        id=id_,
        module=cast("str", source["module"]),
        version=cast("int", source["version"]),
        inputs=_object(source.get("inputs")),
        title=_text(source.get("title")),
        notes=_text(source.get("notes")),
        connection=_text(source.get("connection")),
        disabled=source.get("disabled") is True,
    )


def _edge(source: JsonObject) -> Edge:
    return Edge(
        source=cast("str", source["from"]),
        target=cast("str", source["to"]),
        handle=cast("str", source.get("handle", "out")),
    )


def _retry(source: JsonObject) -> Retry:
    attempts = source.get("max_attempts")
    return Retry(
        max_attempts=None if attempts is None else int(cast("int", attempts)),
        initial=_seconds(source.get("initial")),
        backoff=_number(source.get("backoff")),
        max_interval=_seconds(source.get("max_interval")),
        jitter=_number(source.get("jitter")),
        on=None if source.get("on") is None else _texts(source.get("on")),
        never_on=_texts(source.get("never_on")),
        on_lost=cast("OnLost", source.get("on_lost", "retry")),
    )


def _throttle(source: JsonObject) -> Throttle:
    return Throttle(
        key=cast("str", source["key"]),
        count=int(cast("int", source["count"])),
        per=parse_duration(cast("str | int | float", source["per"])),
    )


def _settings(source: JsonObject) -> Settings:
    defaults = Settings()
    finally_timeout = _seconds(source.get("finally_timeout"))
    runs = source.get("max_concurrent_runs")
    return Settings(
        timeout=_seconds(source.get("timeout")),
        finally_timeout=defaults.finally_timeout if finally_timeout is None else finally_timeout,
        max_concurrent_runs=None if runs is None else int(cast("int", runs)),
        concurrency_key=_text(source.get("concurrency_key")),
        log=cast("LogLevel", source.get("log", defaults.log)),
        retention_days=int(cast("int", source.get("retention_days", defaults.retention_days))),
    )


def _seconds(value: Json) -> float | None:
    return None if value is None else parse_duration(cast("str | int | float", value))


def _number(value: Json) -> float | None:
    return None if value is None else float(cast("int | float", value))


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(cast("list[str]", _list(value)))


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _schema(value: Json) -> JsonObject | None:
    if isinstance(value, bool):  # `true` and `false` are schemas too
        return {} if value else {"not": {}}
    return value if isinstance(value, dict) else None
