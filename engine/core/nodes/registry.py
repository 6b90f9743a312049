"""All constructs by the name of their module. A new one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.node import Node
from engine.core.nodes import (
    approve,
    assert_,
    break_,
    call,
    continue_,
    fail,
    for_each,
    if_,
    log,
    pure,
    race,
    respond,
    set_,
    set_state,
    stop,
    subworkflow,
    switch,
    text_template,
    try_,
    wait,
    wait_for_event,
    while_,
)

CALL = call.NODE
PURE = pure.NODE

NODES: Mapping[str, Node] = {
    "core.assert": assert_.NODE,
    "core.break": break_.NODE,
    "core.continue": continue_.NODE,
    "core.fail": fail.NODE,
    "core.for_each": for_each.NODE,
    "core.if": if_.NODE,
    "core.log": log.NODE,
    "core.race": race.NODE,
    "core.respond": respond.NODE,
    "core.set": set_.NODE,
    "core.set_state": set_state.NODE,
    "core.stop": stop.NODE,
    "core.subworkflow": subworkflow.NODE,
    "core.switch": switch.NODE,
    "core.try": try_.NODE,
    "core.wait": wait.NODE,
    "core.wait_for_event": wait_for_event.NODE,
    "core.while": while_.NODE,
    approve.MODULE: approve.NODE,
    "text.template": text_template.NODE,
}
