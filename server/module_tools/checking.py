"""The check of modules: places, sources, declarations, examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import modules
from modules.registry import BrokenModule, declared_in, files
from modules.sdk.declaration import Module
from server.module_tools.declarations import check_declaration
from server.module_tools.examples import check_examples
from server.module_tools.flaws import Flaw
from server.module_tools.sources import check_app, missing_test

ROOT = Path(modules.__file__).parents[1]
"""The source tree that this process runs from."""


async def check(only: Path | None = None) -> tuple[Sequence[Flaw], int]:
    """All flaws, and how many modules were looked at. `only` is a module's file or an app's folder inside `modules/`.

    Raises BrokenModule for a path that is neither.
    """
    chosen = [file for file in files() if only is None or _is_in(file, only)]
    if not chosen:
        raise BrokenModule(
            f"there is no module at {str(only)!r}: give a file `modules/<app>/<action>.py` or an app's folder"
        )
    flaws = [flaw for app in sorted({file.split(".")[1] for file in chosen}) for flaw in check_app(ROOT, app)]
    declared: dict[str, Module] = {}
    for file in chosen:
        where = file.replace(".", "/") + ".py"
        try:
            module = declared[where] = declared_in(file)
        except BrokenModule as error:
            flaws.append(Flaw(where, str(error)))
            continue
        except Exception as error:  # what a file does when it is imported is its author's to see
            flaws.append(Flaw(where, f"it can't be imported: {type(error).__name__}: {error}"))
            continue
        flaws.extend(Flaw(where, message) for message in check_declaration(module))
        untested = missing_test(ROOT, file) if module.kind == "action" else None
        if untested is not None:
            flaws.append(untested)
    if not flaws:  # an example of a module that is wrong otherwise tells nothing new
        where_of = {module.key: where for where, module in declared.items()}
        flaws = [
            Flaw(where_of[module.key], message) async for module, message in check_examples(list(declared.values()))
        ]
    return flaws, len(chosen)


def _is_in(file: str, only: Path) -> bool:
    place = (ROOT / file.replace(".", "/")).with_suffix(".py")
    chosen = only.resolve()
    return chosen in (place, place.parent)
