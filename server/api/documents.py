"""Documents in request bodies: what only the text shows (a key that stands twice) is a finding of the document, not lost on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi import Request

from engine.expressions.values import Json
from engine.problems import Problem
from engine.spec.finding import Finding
from engine.spec.parse import MAX_TEXT, Media, parse
from modules.sdk.parse_error import ParseError
from server.api.body import read_body

JsonObject = dict[str, Json]
_YAML = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})
_INSIDE = "/document"


@dataclass(frozen=True, slots=True)
class DocumentBody:
    """`given` are the body's members; `findings` those of the document's text, with paths into the document."""

    given: JsonObject
    findings: tuple[Finding, ...]

    @property
    def document(self) -> Json:
        return self.given.get("document")


async def document_body(request: Request) -> DocumentBody:
    """A dependency: `{document, …}` as JSON, or a document alone as YAML. Raises `Problem` 400, 413, 422."""
    body = await read_body(request)
    if len(body) > MAX_TEXT:
        raise Problem(413, "limit.size", f"A document's text may have at most {MAX_TEXT // 2**20} MB.")
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media in _YAML:
        found = _parsed(body, "yaml")
        return DocumentBody({"document": found[0]}, found[1])
    value, findings = _parsed(body, "json")
    if not isinstance(value, dict):
        raise Problem(422, "request.invalid", "The body must be an object.")
    inside = tuple(
        replace(finding, path=finding.path.removeprefix(_INSIDE))
        for finding in findings
        if finding.path.startswith(_INSIDE + "/")
    )
    return DocumentBody(value, inside)


def _parsed(body: bytes, media: Media) -> tuple[Json, tuple[Finding, ...]]:
    try:
        parsed = parse(body, media)
    except ParseError as error:
        name = "YAML" if media == "yaml" else "JSON"
        raise Problem(400, f"{media}.malformed", f"The body is not {name} that can be taken: {error}.") from None
    return parsed.document, parsed.findings
