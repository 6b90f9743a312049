"""`imap`: a mailbox to read."""

from __future__ import annotations

from workspace.connections.kinds.kind import Kind
from workspace.connections.kinds.mail import MAIL_SECRET, mail_config

KIND = Kind(name="imap", title="Mail, reading", config=mail_config(993), secret=MAIL_SECRET, probe="imap")
