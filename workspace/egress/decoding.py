"""The body of an answer, decompressed under limits.

A bomb is stopped while it unfolds: at most one step's output beyond the limit is ever held. Refused are bodies over the caller's limit, and
those which are over 1 MiB and over 100 times what was sent.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from modules.sdk.verdicts import ModuleError, Rejected

ACCEPTED = "gzip, deflate"
_STEP = 64 * 1024
_RATIO = 100
_RATIO_FROM = 2**20


class Unfolding:
    """Unfolds a body. `feed` each piece as it came, then `finish`. `encoding` is the `Content-Encoding` header."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._limit = limit
        self._sent = 0
        self._size = 0
        self._decoder = _decoder(encoding)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises ModuleError `payload.too_large`, or `http.body` for what can't be decompressed."""
        self._sent += len(data)
        for piece in (data,) if self._decoder is None else self._decoder.decode(data):
            self._size += len(piece)
            if self._size > self._limit:
                raise too_large(self._limit)
            if self._size > _RATIO_FROM and self._size > _RATIO * self._sent:
                raise Rejected("payload.too_large", f"the answer's body unfolds to over {_RATIO} times its sent size")
            yield piece

    def finish(self) -> None:
        """Raises ModuleError `http.body` when the compressed form was cut off."""
        if self._decoder is not None and self._sent and not self._decoder.complete:
            raise ModuleError("http.body", "the answer's compressed body ends too early", retryable=True)


class Body:
    """Gathers a body as `Unfolding` gives it."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._unfolding = Unfolding(encoding, limit)
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        self._pieces.extend(self._unfolding.feed(data))

    def finish(self) -> bytes:
        """The whole body."""
        self._unfolding.finish()
        return b"".join(self._pieces)


def too_large(limit: int) -> ModuleError:
    """The body is over what the caller takes."""
    return Rejected("payload.too_large", f"the answer's body is larger than {limit / 2**20:.4g} MiB")


class _Inflate:
    """gzip (also of several members) and deflate, which some servers send with and some without zlib's header."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._window = 16 + zlib.MAX_WBITS if gzip else zlib.MAX_WBITS
        self._inflate = zlib.decompressobj(self._window)
        self._begun = False

    @property
    def complete(self) -> bool:
        return self._inflate.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflate.eof:
                if not self._gzip:
                    return  # what follows the end of a deflate stream has no meaning
                data = data.lstrip(b"\0")  # some servers pad
                if not data:
                    return
                self._inflate = zlib.decompressobj(self._window)
            try:
                piece = self._inflate.decompress(data, _STEP)
            except zlib.error:
                if self._gzip or self._begun:
                    raise ModuleError(
                        "http.body", "the answer's compressed body can't be read", retryable=True
                    ) from None
                self._begun = True
                self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
                continue
            self._begun = True
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail or (self._inflate.unused_data if self._inflate.eof else b"")


def _decoder(encoding: str) -> _Inflate | None:
    names = [name.strip().lower() for name in encoding.split(",") if name.strip()]
    names = [name for name in names if name != "identity"]
    if not names:
        return None
    if len(names) == 1 and names[0] in ("gzip", "x-gzip"):
        return _Inflate(gzip=True)
    if names == ["deflate"]:
        return _Inflate(gzip=False)
    raise Rejected("http.body", f"the answer's body is encoded as {encoding[:50]!r}, which was not asked for")
