"""In the zygote: loads what sources may need, so that children need no file, and sees that the policy holds for this Python."""

from __future__ import annotations

import codecs
import importlib

from engine.sandbox.inside.answer import CallFailed, Speaker
from engine.sandbox.inside.python.policy import unknown_nodes
from engine.sandbox.inside.python.run import problems, run

_WARM = """
import base64, collections, csv, datetime, decimal, hashlib, hmac, io, itertools, json, math, random, re, statistics, textwrap, uuid
from urllib.parse import urlsplit
def main(input):
    rows = list(csv.DictReader(io.StringIO("a,b\\n1,2")))
    when = datetime.datetime.strptime("2026-01-31T08:00:00+0000", "%Y-%m-%dT%H:%M:%S%z").astimezone(datetime.timezone.utc)
    point = collections.namedtuple("Point", "x y")(1, 2)
    digests = [hashlib.new(name, b"a").hexdigest() for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b")]
    digests.append(hmac.new(b"k", b"m", "sha256").hexdigest())
    digests.append(hashlib.pbkdf2_hmac("sha256", b"a", b"b", 1).hex())
    texts = ["é".encode("latin-1"), "a".encode("utf-16"), "a".encode("ascii"), "straße".encode("idna"), "a".encode("cp1252")]
    name = "\\N{BULLET}" + f"{decimal.Decimal('1.5'):.2f} {when:%A %d %B %Y} {1234.5:,.1f}" + "{} {a}".format(1, a=2)
    return [len(rows), when.isoformat(), point.x, len(digests), len(texts), len(name), str(uuid.uuid4())[:0], re.sub(r"\\d", "", "a1"),
            statistics.median([1, 2, 3]), base64.b64encode(b"a").decode(), urlsplit("http://a/b").netloc, math.floor(1.5), random.random()
            < 1]
"""


_LATE = ("_strptime", "_decimal", "unicodedata", "stringprep", "linecache")
"""What functions of the libraries load when they are first used."""


_ENCODINGS = (
    "ascii latin-1 iso8859-1 iso8859-2 iso8859-15 cp437 cp850 cp1250 cp1251 cp1252 mac-roman koi8-r utf-8-sig utf-7 utf-16 utf-16-le "
    "utf-16-be "
    "utf-32 utf-32-le utf-32-be idna punycode unicode-escape raw-unicode-escape gb18030 big5 shift-jis euc-jp euc-kr"
)


class _Silent(Speaker):
    def log(self, level: str, text: str) -> None:
        pass


def prepare() -> None:
    """Raises RuntimeError, or whatever is wrong."""
    unknown = unknown_nodes()
    if unknown:
        raise RuntimeError(f"this Python has parts of the language that nobody has looked at: {', '.join(unknown)}")
    for late in _LATE:
        importlib.import_module(late)
    for encoding in _ENCODINGS.split():
        codecs.lookup(encoding)
    try:
        run(_WARM, "{}", 0, _Silent())
    except CallFailed as failed:
        raise RuntimeError(f"the libraries don't load: {failed.message}") from None
    for escape in ("().__class__", "import os", "import json as __import__", "async def main(input): pass"):
        if not problems(escape):
            raise RuntimeError("the policy lets a source through that it must refuse")
