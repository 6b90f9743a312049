"""`schedule.trigger`: a run at certain times."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import duration, object_of

MODULE = Module(
    name="schedule.trigger",
    version=1,
    title="Schedule",
    manual=(
        "Starts a run at the times that `cron` says in its `timezone` (UTC unless given), or `every` so often, counted from the epoch. "
        "Five fields as of Debian's cron; where clocks go forward, what falls into the missing hour comes right after it; where they go "
        "back, what has a fixed hour comes once. Each time starts one run, which sees it as `trigger.scheduled_at`, whenever it begins. "
        "`overlap` says what happens while the run of an earlier time is open: `skip` this time, `buffer_one` (one time waits, further ones "
        "are skipped), `buffer_all`, `cancel_other` (the open run is cancelled first), or `allow_all`. Times that passed while nothing could "
        "be started are made up for within `catchup_window`. `jitter` delays each start by up to that long."
    ),
    kind="trigger",
    input_schema=object_of(
        {
            "cron": {"type": "string", "description": "as `30 6 * * 1-5`", "x-eval": "raw"},
            "every": {**duration("instead of `cron`, as 15m"), "x-eval": "raw"},
            "timezone": {"type": "string", "default": "UTC", "description": "as `Europe/Berlin`", "x-eval": "raw"},
            "overlap": {
                "enum": ["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"],
                "default": "skip",
                "x-eval": "raw",
            },
            "catchup_window": {**duration("how late a time may still start its run", "1h"), "x-eval": "raw"},
            "jitter": {**duration("starts are spread over so long", "0s"), "x-eval": "raw"},
        }
    ),
    output_schema=object_of(
        {
            "type": {"const": "schedule"},
            "id": {"type": "string"},
            "scheduled_at": {"type": "string", "description": "RFC 3339, UTC"},
            "body": {"type": "object", "description": "`{scheduled_at}`"},
        },
        ["type", "id", "scheduled_at", "body"],
    ),
    example=Example(
        inputs={"cron": "30 6 * * 1-5", "timezone": "Europe/Berlin", "overlap": "skip"},
        output={
            "type": "schedule",
            "id": "mornings",
            "scheduled_at": "2026-11-23T05:30:00Z",
            "body": {"scheduled_at": "2026-11-23T05:30:00Z"},
        },
        runnable=False,
    ),
)
