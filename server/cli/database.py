"""The database of the installation, for commands that need no API."""

from __future__ import annotations

from server.cli.output import CliError
from server.settings import Settings


def database_url_of(settings: Settings) -> str:
    """What the settings say, else the stack's in this home. Raises CliError."""
    from server.embedded.state import read_state
    from server.version import product_version

    url = settings.database_url or read_state(settings.home, product_version()).database_url
    if url is None:
        raise CliError("there is no database: MILLSTREAM_DATABASE_URL is not set, and no stack is up in this home")
    return url
