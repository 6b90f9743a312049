"""XML as JSON.

    <order id="7"><line>a</line><line>b</line><note/></order>
    {"order": {"@id": "7", "line": ["a", "b"], "note": ""}}

An element is its text where it has neither attributes nor children; else an object: attributes as `@name`, children by name
in the order in which names first appear, several of a name as a list, its own text (without the white space around it) as
`#text`. Names keep their prefixes, and declarations of namespaces are attributes like others. Comments and processing
instructions are left out, the order between children of different names is lost. A document type is refused: with it go
entities, and what they can unfold to or fetch.

Law: reading what was written gives the same document, if its values are texts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.handler import ContentHandler
from xml.sax.saxutils import escape, quoteattr

from modules.data.formats.faults import invalid
from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.strict_json import MAX_DEPTH
from modules.sdk.verdicts import Rejected

if TYPE_CHECKING:
    from xml.sax.xmlreader import AttributesImpl

_NAME = re.compile(r"[^\W\d][\w.\-]*(:[^\W\d][\w.\-]*)?")
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_QUOTES = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


class _Reader(ContentHandler):
    """Builds the value on a stack: name, members so far, pieces of text."""

    def __init__(self, lists: frozenset[str]) -> None:
        super().__init__()
        self._lists = lists
        self._stack: list[tuple[str, JsonObject, list[str]]] = []
        self.document: JsonObject = {}

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 SAX's name
        if len(self._stack) >= MAX_DEPTH - 1:
            raise invalid("XML", f"it is nested deeper than {MAX_DEPTH} levels")
        self._stack.append((name, {f"@{key}": value for key, value in attrs.items()}, []))

    def characters(self, content: str) -> None:
        self._stack[-1][2].append(content)

    def endElement(self, name: str) -> None:  # noqa: N802 SAX's name
        _, members, pieces = self._stack.pop()
        text = "".join(pieces)
        value: Json = text
        if members:
            value = {**members, "#text": text.strip()} if text.strip() else members
        parent = self._stack[-1][1] if self._stack else self.document
        present = parent.get(name)
        if isinstance(present, list):
            present.append(value)
        elif present is not None:
            parent[name] = [present, value]
        else:
            parent[name] = [value] if name in self._lists else value


def read(text: str, options: JsonObject) -> Json:
    """Raises Rejected `data.invalid`."""
    from xml.sax import SAXException, SAXParseException

    from defusedxml import DefusedXmlException
    from defusedxml.sax import parseString

    lists = options.get("lists")
    reader = _Reader(frozenset(str(name) for name in lists) if isinstance(lists, list) else frozenset())
    # What the text says of its encoding is about the bytes that it was once
    declared = re.sub(r"^\s*<\?xml\b[^>]*\?>", "", text, count=1)
    try:
        parseString(declared.encode(), reader, forbid_dtd=True)
    except DefusedXmlException:
        raise invalid("XML that is taken", "it has a document type, which is refused") from None
    except SAXParseException as error:
        raise invalid("XML", error.getMessage(), error.getLineNumber(), (error.getColumnNumber() or 0) + 1) from None
    except (SAXException, UnicodeError):
        raise invalid("XML", "it can't be read") from None
    return reader.document


def write(rows: list[Json], options: JsonObject) -> str:
    """One row with one key is the document; else the rows become elements of a root."""
    value: Json
    only = rows[0] if len(rows) == 1 else None
    if isinstance(only, dict) and len(only) == 1 and not isinstance(next(iter(only.values())), list):
        name, value = next(iter(only.items()))
    else:
        name = str(options.get("root", "rows"))
        value = {str(options.get("row", "row")): rows}
    indent = options.get("indent")
    out: list[str] = ['<?xml version="1.0" encoding="UTF-8"?>\n']
    _element(out, name, value, 0, int(indent) if isinstance(indent, (int, float)) else 0)
    out.append("\n" if not out[-1].endswith("\n") else "")
    return "".join(out)


def _element(out: list[str], name: str, value: Json, level: int, indent: int) -> None:
    if _NAME.fullmatch(name) is None:
        raise Rejected("data.invalid", f"{name[:100]!r} can't be the name of an XML element or attribute")
    pad = " " * (indent * level)
    if isinstance(value, list):
        raise Rejected("data.invalid", f"the element {name!r} is a list of lists, which XML doesn't have")
    if not isinstance(value, dict):
        text = _text(value)
        out.append(f"{pad}<{name}>{text}</{name}>" if text else f"{pad}<{name}/>")
        return
    attributes = "".join(_attribute(key, item) for key, item in value.items() if key.startswith("@"))
    text = _text(value.get("#text"))
    children = [(key, item) for key, item in value.items() if not key.startswith("@") and key != "#text"]
    if not children:
        out.append(f"{pad}<{name}{attributes}>{text}</{name}>" if text else f"{pad}<{name}{attributes}/>")
        return
    line = "\n" if indent else ""
    out.append(f"{pad}<{name}{attributes}>{text}{line}")
    for key, item in children:
        for each in item if isinstance(item, list) else [item]:
            _element(out, key, each, level + 1, indent)
            out.append(line)
    out.append(f"{pad}</{name}>")


def _attribute(key: str, value: Json) -> str:
    if _NAME.fullmatch(key[1:]) is None:
        raise Rejected("data.invalid", f"{key[:100]!r} can't be the name of an XML element or attribute")
    return f" {key[1:]}={quoteattr(_plain(value), _QUOTES)}"


def _text(value: Json) -> str:
    return escape(_plain(value), {"\r": "&#13;"})


def _plain(value: Json) -> str:
    text = "" if value is None else value if isinstance(value, str) else dumps(value).decode()
    if _FORBIDDEN.search(text):
        raise Rejected("data.invalid", "a value has a character that XML doesn't allow")
    return text
