"""Failpoints as a process gets them."""

import inspect

import pytest
from temporalio import activity

from engine.dispatch.executions import Executions
from server import failpoints
from server.failpoints import ACTIVITIES, VERBS, failing_database, failing_executions, failpoints_of, places
from server.settings import SettingsError, load_settings


def test_each_verb_to_temporal_and_each_activity_has_its_places() -> None:
    verbs = {name for name, value in vars(Executions).items() if inspect.iscoroutinefunction(value)}
    assert set(VERBS) == verbs
    wrapped = {name for name, value in vars(failpoints._Executions).items() if inspect.iscoroutinefunction(value)}
    assert wrapped - {"_pass"} == verbs
    from copilot.activities import finish, think, use_tool
    from engine.activities import load, record, run_module, waits

    found: set[str] = set()
    for module in (load, record, run_module, waits, finish, think, use_tool):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            for _, member in inspect.getmembers(kind, inspect.isfunction):
                definition = activity._Definition.from_callable(member)
                if definition is not None and definition.name is not None:
                    found.add(definition.name)
    assert set(ACTIVITIES) == found


def test_every_border_stands_in_the_list() -> None:
    listed = places()
    assert len(listed) == len(set(listed))
    for one in (
        "before:runs.accept",
        "after:record.record",
        "mid:versions.freeze",
        "after:weeks.drop",
        "after:carrier.start",
    ):
        assert one in listed, one


def test_production_refuses_to_start_with_one() -> None:
    with pytest.raises(SettingsError, match=r"MILLSTREAM_FAILPOINT .*production"):
        load_settings({"MILLSTREAM_ENV": "production", "MILLSTREAM_FAILPOINT": "before:queue.claim"})


def test_a_name_that_is_none_is_refused() -> None:
    settings = load_settings({"MILLSTREAM_FAILPOINT": "before:queue.clam"})
    with pytest.raises(SettingsError, match=r"there is no place 'before:queue.clam'"):
        failpoints_of(settings)


def test_without_one_nothing_is_wrapped() -> None:
    none = failpoints_of(load_settings({}))
    something = object()
    assert failing_database(something, none) is something  # type: ignore[arg-type]
    assert failing_executions(something, none) is something  # type: ignore[arg-type]
