"""The text of an HTML body, for mails that have no other: what is written, line by line, and nothing of how it looks."""

from __future__ import annotations

import html
import re

_SILENT = {name: re.compile(f"</{name}", re.IGNORECASE | re.ASCII) for name in ("script", "style", "head", "title")}
_LINES = frozenset(
    {"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote"}
)
_TAG = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]{0,20})")
_SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")


def text_of_html(page: str) -> str:
    """In one pass: a tag that never ends is text, a comment or a script that never ends goes to the page's end."""
    found: list[str] = []
    at = 0
    while (tag := page.find("<", at)) >= 0:
        found.append(page[at:tag])
        if page.startswith("<!--", tag):
            end, width = page.find("-->", tag), 3
        else:
            end, width = page.find(">", tag), 1
            if end < 0:
                found.append(page[tag:])
                at = len(page)
                break
            name = _TAG.match(page, tag + 1)
            word = name[1].lower() if name else ""
            if word in _LINES:
                found.append("\n")
            elif word in _SILENT and not page.startswith("/", tag + 1):
                closed = _SILENT[word].search(page, end)
                end, width = (-1 if closed is None else closed.start()), 0
        if end < 0:
            at = len(page)
            break
        at = end + width
    found.append(page[at:])
    lines = [_SPACES.sub(" ", line).strip() for line in html.unescape("".join(found)).split("\n")]
    kept = [line for place, line in enumerate(lines) if line or (place > 0 and lines[place - 1])]
    return "\n".join(kept).strip()
