"""What can be wrong with the database itself, as against with a request.

DatabaseError                 its text is a sentence for whoever runs the installation
  DatabaseUnavailable         gone, refusing, full, or out of connections: the same call may succeed later
    LockHeld                  somebody else held what it needs for longer than it may wait
  WrongDatabase               not ours to use as it is: not migrated, rights missing, changed by hand
    NewerDatabase             a newer Millstream has been here
"""


class DatabaseError(Exception):
    """The database can't be used for this."""


class DatabaseUnavailable(DatabaseError):
    """The server is gone, refuses, has no room, or no connection free in time. What was asked may have happened whole, or not at all."""


class LockHeld(DatabaseUnavailable):
    """A lock wasn't to be had in time. Nothing happened."""


class WrongDatabase(DatabaseError):
    """The database isn't one that this program may work on; the text says what to do."""


class NewerDatabase(WrongDatabase):
    """The database has migrations that this program doesn't know."""
