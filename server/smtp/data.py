"""The end of a message in a stream of bytes. It is `CR LF . CR LF` and nothing else: a server before us that takes a bare line feed, or a bare
carriage return, for the end of a line must not be able to hide a second message in the first (SMTP smuggling)."""

from __future__ import annotations

_END = b"\r\n.\r\n"


class Data:
    """Fed until it is `done`; of what is more than `most` bytes only the end is looked for. `rest` came after it."""

    def __init__(self, most: int) -> None:
        self._most = most
        # As if a line had ended: a message may be empty.
        self._held = bytearray(b"\r\n")
        self.done = False
        self.too_large = False
        self.received = 0
        self.rest = b""

    def feed(self, data: bytes) -> None:
        self.received += len(data)
        begin = max(0, len(self._held) - len(_END) + 1)
        self._held += data
        end = self._held.find(_END, begin)
        if end >= 0:
            self.done = True
            self.rest = bytes(self._held[end + len(_END) :])
            del self._held[end + 2 :]
        self.too_large |= len(self._held) - 2 > self._most
        if self.too_large and not self.done:
            del self._held[: -len(_END) + 1]

    def give_up(self) -> None:
        """Only its end is looked for from now on."""
        self.too_large = True
        del self._held[: -len(_END) + 1]

    def message(self) -> bytes:
        """The bytes, without the dots that kept lines from looking like the end."""
        return bytes(self._held).replace(b"\r\n.", b"\r\n")[2:]
