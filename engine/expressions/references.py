"""What an expression reads: the paths that stand in its text, rooted at names of the scope."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """One access path, e.g. `("steps", "total", "output", "amount")`.

    `guarded`: a missing link gives no error, as it is under `default(…)` or `is defined`.
    `pointer`: the JSON Pointer of the string it stands in, inside the value that was compiled.
    `dynamic`: the path goes on with a key that is known only at run time.
    `filtered`: it is not itself the result (or a part of the text), but goes through a filter, a test or an operator.
    """

    path: tuple[str | int, ...]
    guarded: bool
    pointer: str
    dynamic: bool
    filtered: bool
