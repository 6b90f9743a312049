"""Waiting for a file descriptor without a thread."""

import asyncio


async def readable(descriptor: int) -> None:
    """Return when ``descriptor`` has something to read, or is at its end. It stays open."""
    loop = asyncio.get_running_loop()
    found = loop.create_future()

    def end() -> None:
        if not found.done():
            found.set_result(None)

    loop.add_reader(descriptor, end)
    try:
        await found
    finally:
        loop.remove_reader(descriptor)
