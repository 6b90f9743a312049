"""What the pages show is well-formed: documents are valid, JSON is JSON, links lead somewhere, commands that aren't run exist."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from engine.spec.normalize import complete
from engine.spec.parse import parse
from engine.spec.validate import validate
from modules.registry import Registry, load_registry
from server.cli.main import build
from tests.docs.pages import ROOT, Block, anchors, blocks, links, pages

PAGES = pages()


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


@pytest.mark.parametrize("page", PAGES)
def test_documents_are_valid(page: str, registry: Registry) -> None:
    for block in blocks(page):
        if block.language == "yaml" and "schema_version:" in block.text:
            parsed = parse(block.text, "yaml")
            found = [*parsed.findings, *validate(complete(parsed.document, registry), registry, None, "draft")]
            assert [(block.place, each) for each in found if each.severity == "error"] == []


@pytest.mark.parametrize("page", PAGES)
def test_json_is_json(page: str) -> None:
    for block in blocks(page):
        if block.language == "json":
            json.loads(block.text)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        place = (ROOT / PurePosixPath(page).parent / path).resolve() if path else ROOT / page
        assert place.exists(), f"{page} links to {target}, which isn't there"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(str(place.relative_to(ROOT))), f"{page} links to {target}: no such heading"


def test_the_index_of_decisions_has_each_page() -> None:
    folder = ROOT / "docs" / "decisions"
    assert sorted(set(links("docs/decisions/README.md"))) == sorted(
        page.name for page in folder.glob("*.md") if page.name != "README.md"
    )


def test_commands_that_are_not_run_exist() -> None:
    root = get_command(build())
    assert isinstance(root, TyperGroup)
    unknown = [flaw for page in PAGES for block in blocks(page) if block.not_run for flaw in _flaws(root, block)]
    assert unknown == []


def _flaws(root: TyperGroup, block: Block) -> Iterator[str]:
    for command in _commands(block.text):
        found: object = root
        words = list(command)
        while isinstance(found, TyperGroup) and words and not words[0].startswith("-"):
            below = found.commands.get(words.pop(0))
            if below is None:
                yield f"{block.place}: there is no command {' '.join(command)!r}"
                return
            found = below
        assert isinstance(found, TyperCommand | TyperGroup)
        options = {name for parameter in found.params for name in parameter.opts} | {"--help", "-h"}
        for word in words:
            if word.startswith("-") and word.partition("=")[0] not in options:
                yield f"{block.place}: {' '.join(command)!r} has no option {word!r}"


def _commands(text: str) -> Iterator[list[str]]:
    """The words after `./dev` or `millstream`, up to the end of each command. `./dev test` hands its words on to pytest."""
    for line in text.replace("\\\n", " ").splitlines():
        for command in re.findall(r"(?:\./dev|(?:\.venv/bin/)?\bmillstream) +([a-z][^|;&)\n]*)", line):
            words = shlex.split(command, comments=True)
            if words and words[0] != "test":
                yield words
