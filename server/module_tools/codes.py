"""The error codes that the modules fail with. A test holds this list equal to what their sources raise."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CODES: Mapping[str, str] = MappingProxyType(
    {
        "code.ended": "The process that ran the code ended before it was done, for want of memory on the machine as a rule.",
        "code.error": "The code raised an exception, doesn't compile, or gives no data; `details`: `line`, `type`, `text`.",
        "code.memory": "The code needed more memory than `memory_mb`.",
        "code.timeout": "The code took longer than its `timeout`.",
        "code.unavailable": "This installation can't build the sandbox round code; `details.layer` says which layer doesn't hold.",
        "connection.host": "The step's connection is for other hosts than the one that the request goes to.",
        "data.ended": "The isolated process ended before its work was done, for want of memory on the machine as a rule.",
        "data.expression": "A JSONata or JMESPath expression is wrong, doesn't fit the data, or asks for clock or chance.",
        "data.invalid": "A text is not of its format (`details.line`, `details.column`), or values can't be said in it.",
        "data.memory": "Work in the isolated pool needed more memory than it may have.",
        "data.timeout": "Work in the isolated pool took longer than the step's time limit.",
        "http.<status>": "The target answered with another status than `expect_status`; `details`: `status`, some `headers`, the `body`.",
        "http.blocked": "The target is in a private network or this machine, or its port is another protocol's; see `MILLSTREAM_EGRESS_ALLOW`.",
        "http.body": "The answer's body can't be read: not the JSON that it should be, or wrongly compressed.",
        "http.connect": "The target can't be reached: no such name, refused, no trusted certificate, or the connection broke.",
        "http.pagination": "Pages lead in a circle, or there are more than `max_pages`.",
        "http.protocol": "What answered doesn't speak HTTP.",
        "http.redirect": "Too many redirects, from https to http, or to something that is no web address.",
        "http.timeout": "No complete answer within the step's time limit.",
        "imap.connect": "The mail server can't be reached, its certificate isn't trusted, or it is none.",
        "imap.timeout": "The mail server gave no greeting in time.",
        "input.invalid": "The inputs fit the schema one by one, but not together, or hold what can't be used; the message says which.",
        "kv.conflict": "The key's version is not the one given by `if_version`.",
        "kv.type": "An increment met a value that is no number, or would leave the range of numbers.",
        "mail.malformed": "An inbound mail can be read in two ways, so it starts no run: an event of the inbox is refused, no step fails.",
        "mail.too_costly": "As `mail.malformed`: reading the mail takes more CPU than it may.",
        "mail.too_large": "As `mail.malformed`: the mail is over one of its limits.",
        "module.failed": "The module failed in a way that it did not foresee: a fault of the module.",
        "payload.too_large": "A body, a result or a join is larger than the limits allow.",
        "postgres.<class>": "The database refuses the statement: the class of its SQLSTATE, as `postgres.23` for a constraint.",
        "postgres.blocked": "As `http.blocked`, for the database's address.",
        "postgres.connect": "The database can't be reached: no such name, refused, no trusted certificate, no TLS.",
        "postgres.rows": "There are more rows than `max_rows`; nothing was changed.",
        "postgres.timeout": "The statement took longer than its time limit, or the database could not be reached in time.",
        "postgres.value": "A value can't be said in JSON.",
        "smtp.<code>": "The mail server refuses the sender, the message or the sign-in with this code; `details`: `code`, `text`.",
        "smtp.connect": "The mail server can't be reached, its certificate isn't trusted, or it is none.",
        "smtp.recipients": "The mail server refuses some recipients, so nothing was sent; `details.refused` says which and why.",
        "smtp.timeout": "The mail server gave no greeting, or no answer, in time.",
        "smtp.unsupported": "The mail server takes no sign-in, or no address with letters beyond ASCII.",
        "validate.ended": "As `data.ended`.",
        "validate.memory": "As `data.memory`.",
        "validate.schema": "The schema given to `core.validate` is none, or refers to something outside of itself.",
        "validate.timeout": "As `data.timeout`.",
    }
)
