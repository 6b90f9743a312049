"""How a child tells the supervisor that it can be used: one line into a pipe that it inherited.

A pipe rather than a file or a port: it needs no name, leaves nothing behind after a crash, and its end tells the parent
at once that the child gave up.
"""

import contextlib
import os


def announce_ready(descriptor: int | None) -> None:
    """Write the line ``ready`` to ``descriptor`` (the setting ``ready_fd``) and close it.

    None: nobody waits, nothing happens. A parent that is gone is no error here; the child ends by its death signal.
    Call it once, after the last thing that could fail at start.
    """
    if descriptor is None:
        return
    with contextlib.suppress(OSError):
        os.write(descriptor, b"ready\n")
    with contextlib.suppress(OSError):
        os.close(descriptor)
