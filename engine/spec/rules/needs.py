"""What the workspace must have."""

from __future__ import annotations

from collections.abc import Iterator

from engine.spec.finding import Code, Finding, Severity
from engine.spec.pointer import child
from engine.spec.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    requires = subject.document.get("requires")
    section = requires if isinstance(requires, dict) else {}
    variables, connections = section.get("variables"), section.get("connections")
    listed = [name for name in variables if isinstance(name, str)] if isinstance(variables, list) else []
    yield from _variables(subject, listed)
    apps: dict[str, str] = {}
    for name, row in connections.items() if isinstance(connections, dict) else ():
        app = row.get("app") if isinstance(row, dict) else None
        apps[name] = app if isinstance(app, str) else ""
    yield from _connections(subject, apps)


def _severity(subject: Subject) -> Severity:
    return "error" if subject.purpose == "deploy" else "warning"


def _variables(subject: Subject, listed: list[str]) -> Iterator[Finding]:
    uses = subject.uses.uses
    paths = [use.reference.path for use in uses]
    used: dict[str, str] = {}
    needed: set[str] = set()
    for use, path in zip(uses, paths, strict=True):
        if path[0] == "vars" and "vars" not in use.place.adds and len(path) > 1 and isinstance(path[1], str):
            used.setdefault(path[1], use.path)
            if not use.reference.guarded:  # `default` says what holds without it
                needed.add(path[1])
    workspace = subject.workspace
    for index, name in enumerate(listed):
        at = f"/requires/variables/{index}"
        if workspace is not None and name not in workspace.variables | workspace.secrets:
            message = f"the workspace has no variable {name!r}"
            near = subject.suggest(name, workspace.variables)
            hint = f"add it: `millstream vars set {name} …`" + (f" ({near})" if near else "")
            yield Finding(Code.VARIABLE_MISSING, at, message, hint, _severity(subject))
        if name not in used and name not in listed[:index]:
            message = f"no expression reads `vars.{name}`"
            yield Finding(Code.VARIABLE_UNUSED, at, message, "remove it from `requires.variables`", "info")
    for name, at in used.items():
        if name in listed:
            continue
        message = f"the variable {name!r} is not listed under `requires.variables`"
        near = subject.suggest(name, listed)
        hint = near or "list it, so that a missing one is found before a run"
        yield Finding(Code.VARIABLE_UNLISTED, at, message, hint, "warning")
        if workspace is not None and name in needed and name not in workspace.variables | workspace.secrets:
            message = f"the workspace has no variable {name!r}"
            hint = subject.suggest(name, workspace.variables)
            yield Finding(Code.VARIABLE_MISSING, at, message, hint, _severity(subject))


def _connections(subject: Subject, apps: dict[str, str]) -> Iterator[Finding]:
    used: set[str] = set()
    nodes = [*subject.outline.triggers.values(), *subject.outline.steps.values()]
    for node in nodes:
        name = node.text("connection")
        if name is None:
            continue
        used.add(name)
        at = f"{node.path}/connection"
        if name not in apps:
            message = f"the connection {name!r} is not listed under `requires.connections`"
            hint = subject.suggest(name, apps) or f"add `{name}: {{app: …}}` there"
            yield Finding(Code.CONNECTION_UNLISTED, at, message, hint)
    workspace = subject.workspace
    for name, app in apps.items():
        at = child("/requires/connections", name)
        if workspace is not None:
            held = workspace.connections.get(name)
            if held is None:
                message = f"the workspace has no connection {name!r}"
                hint = (
                    subject.suggest(name, workspace.connections) or "an owner makes it: `millstream connections create`"
                )
                yield Finding(Code.CONNECTION_MISSING, at, message, hint, _severity(subject))
            elif app and held != app:
                message = f"the connection {name!r} is for {held!r}, not for {app!r}"
                yield Finding(Code.CONNECTION_APP, f"{at}/app", message, "use another connection", _severity(subject))
        if name not in used:
            message = f"no step uses the connection {name!r}"
            yield Finding(Code.CONNECTION_UNUSED, at, message, "remove it from `requires.connections`", "info")
