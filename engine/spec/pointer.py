"""JSON Pointers (RFC 6901): how findings and diffs say where in a document something stands."""

from __future__ import annotations


def child(pointer: str, token: str | int) -> str:
    """The pointer of the member or item `token` of what `pointer` names."""
    if type(token) is str and ("~" in token or "/" in token):
        return f"{pointer}/{token.replace('~', '~0').replace('/', '~1')}"
    return f"{pointer}/{token}"


def pointer_of(*tokens: str | int) -> str:
    """The pointer that these tokens spell, from the top."""
    pointer = ""
    for token in tokens:
        pointer = child(pointer, token)
    return pointer


def tokens_of(pointer: str) -> list[str]:
    """The inverse of `pointer_of`, each token as text."""
    if not pointer:
        return []
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]
