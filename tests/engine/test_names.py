"""Durable names are vows: they stand in histories, so each is spelled out here once more."""

from __future__ import annotations

from engine import names


def test_names_are_what_open_histories_hold() -> None:
    spoken = {name: value for name, value in vars(names).items() if name.isupper()}
    assert spoken == {
        "TASK_QUEUE": "millstream",
        "RUN": "run",
        "RUN_MODULE": "run_module",
        "RECORD": "record",
        "EVALUATE": "evaluate",
        "LOAD_PAGE": "load_page",
        "READ_RESUME": "read_resume",
        "START_CHILD": "start_child",
        "READ_CHILD": "read_child",
        "CANCEL_CHILD": "cancel_child",
        "RESPOND": "respond",
        "TAKE_START": "take_start",
        "SIGNAL_CANCEL": "cancel",
        "SIGNAL_RESUME": "resume",
        "SIGNAL_CHILD": "child",
        "PATCHES": (),
    }
