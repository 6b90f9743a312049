"""`smtp`: a server that sends mail."""

from __future__ import annotations

from workspace.connections.kinds.kind import LINE, Kind
from workspace.connections.kinds.mail import MAIL_SECRET, mail_config

KIND = Kind(
    name="smtp",
    title="Mail, sending",
    config=mail_config(
        465, {"from": {**LINE, "maxLength": 320, "description": "the sender unless a step says another"}}
    ),
    secret=MAIL_SECRET,
    probe="smtp",
)
