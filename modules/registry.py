"""All modules, by name and version.

A module is a file `modules/<app>/<action>.py` that exports `MODULE`. A name that is a Python keyword gets an underscore
(`core/if_.py`). When a version is superseded, its file becomes `<action>_v<N>.py` and stays: documents keep the version they name.
Packages inside an app's folder hold code that its modules share. Adding a file is all that adding a module takes.
"""

from __future__ import annotations

import importlib
import keyword
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import modules
from modules.sdk.declaration import Module, Pure

_OLDER = re.compile(r"(?P<action>.+)_v(?P<version>[1-9]\d*)")
_NOT_APPS = frozenset({"sdk"})


class BrokenModule(Exception):
    """A file under `modules/` isn't what its place says; the message names the file and what to change."""


class Registry:
    """Every version of every module. It never changes after it is built."""

    def __init__(self, declared: Iterable[Module]) -> None:
        self._modules: dict[str, dict[int, Module]] = {}
        for module in sorted(declared, key=lambda each: (each.name, each.version)):
            versions = self._modules.setdefault(module.name, {})
            if module.version in versions:
                raise BrokenModule(f"two files declare {module.key!r}: give one of them another version")
            versions[module.version] = module

    def get(self, name: str, version: int) -> Module | None:
        return self._modules.get(name, {}).get(version)

    def newest(self, name: str) -> int | None:
        versions = self._modules.get(name)
        return max(versions) if versions else None

    def names(self) -> Sequence[str]:
        """In alphabetical order."""
        return tuple(self._modules)

    def all(self) -> Sequence[Module]:
        """By name, then version."""
        return tuple(module for versions in self._modules.values() for module in versions.values())

    def pure(self) -> Mapping[str, Pure]:
        """By `app.action@version`: the functions that run inside the workflow."""
        return {module.key: module.pure for module in self.all() if module.pure is not None}


@cache
def load_registry() -> Registry:
    """The modules that come with the product. Raises BrokenModule."""
    return Registry(declared_in(app) for app in files())


def files() -> Sequence[str]:
    """The dotted names of all files that declare a module, sorted."""
    found: list[str] = []
    for app in pkgutil.iter_modules(modules.__path__):
        if not app.ispkg or app.name in _NOT_APPS:
            continue
        package = importlib.import_module(f"modules.{app.name}")
        found.extend(
            f"modules.{app.name}.{file.name}" for file in pkgutil.iter_modules(package.__path__) if not file.ispkg
        )
    return sorted(found)


def declared_in(file: str) -> Module:
    """The declaration in a file given by its dotted name, after checking that name and version fit the file."""
    module = getattr(importlib.import_module(file), "MODULE", None)
    if not isinstance(module, Module):
        raise BrokenModule(f"{file!r} has no MODULE: declare one with modules.sdk.declaration.Module")
    name, version = name_of(file)
    if module.name != name:
        raise BrokenModule(f"{file!r} declares {module.name!r}: by its place the name is {name!r}")
    if version is not None and module.version != version:
        raise BrokenModule(f"{file!r} declares version {module.version}: by its name it is {version}")
    return module


def name_of(file: str) -> tuple[str, int | None]:
    """The module's name that a file's dotted name stands for, and the version if the file is an older one."""
    app, stem = file.split(".")[-2:]
    older = _OLDER.fullmatch(stem)
    version = int(older["version"]) if older else None
    action = older["action"] if older else stem
    if action.endswith("_") and keyword.iskeyword(action[:-1]):
        action = action[:-1]
    return f"{app}.{action}", version
