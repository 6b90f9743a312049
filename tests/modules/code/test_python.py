"""What people expect of a step in Python."""

from __future__ import annotations

import pytest

from modules.code.python import MODULE
from modules.sdk.json import Json
from modules.sdk.verdicts import ModuleError
from tests.fixtures.module_host import ModuleHost

RICH = """
from __future__ import annotations
import json as j, re, urllib.parse
from collections import Counter, defaultdict, namedtuple
from typing import Any, Optional

_seen: set = set()
Point = namedtuple("Point", "x y")

class Base:
    made: int = 0

    def __init__(self, x: int = 1) -> None:
        self._x = x
        self.n = 0

    def __repr__(self):
        return f"{type(self).__name__}({self._x})"

    @property
    def double(self):
        return self._x * 2

    @staticmethod
    def of(x):
        return Base(x)

class Sub(Base):
    def __init__(self):
        super().__init__(7)
        self.n += 3

class Odd(Exception):
    def __init__(self, code):
        super().__init__(f"code {code}")
        self.code = code

class Opened:
    def __enter__(self):
        return self
    def __exit__(self, kind, error, trace):
        return kind is not None

def counted(n):
    for i in range(n):
        yield i

def main(input: dict[str, Any], *, more: Optional[int] = None) -> dict:
    out = {}
    groups = defaultdict(int)
    for key, value in input["pairs"]:
        groups[key] += value
    out["groups"] = dict(groups)
    sub = Sub()
    out["class"] = [repr(sub), sub.double, sub.n, Base.of(5)._x]
    x, (y, *rest) = 1, (2, 3, 4)
    out["unpacked"] = [x, y, rest]
    out["format"] = "{:>4}|{a[0]}|{b.double}".format(3, a=[9], b=sub) + "%05.1f" % 2.25
    try:
        raise Odd(4)
    except Odd as e:
        out["error"] = [str(e), e.code]
    out["sum"] = sum(i for i in counted(4))
    out["common"] = Counter("aab").most_common(1)
    items = [3, 1, 2]
    items.sort(key=lambda each: -each)
    items[0] -= 1
    items[1:2] = [7, 8]
    out["items"] = items
    with Opened():
        raise ValueError("kept inside")
    def inner():
        nonlocal x
        x += 1
        return (lambda *a, **k: [list(a), k])(*[x], **{"q": 2})
    out["inner"] = inner()
    out["point"] = Point(1, 2).y
    out["match"] = re.sub(r"(?P<n>\\d)", lambda m: m.group("n") * 2, "a1")
    out["json"] = j.loads(j.dumps({"a": [1, None]}))
    out["quoted"] = urllib.parse.quote("a b")
    if (n := len(items)) > 2:
        out["n"] = n
    return out
"""


async def value(host: ModuleHost, source: str, given: Json = None, **inputs: Json) -> Json:
    return (await host.run(MODULE, {"source": source, "input": given, **inputs})).output


async def test_the_language_is_as_people_know_it(module_host: ModuleHost) -> None:
    assert await value(module_host, RICH, {"pairs": [["a", 1], ["a", 2], ["b", 5]]}) == {
        "groups": {"a": 3, "b": 5},
        "class": ["Sub(7)", 14, 3, 5],
        "unpacked": [1, 2, [3, 4]],
        "format": "   3|9|14002.2",
        "error": ["code 4", 4],
        "sum": 6,
        "common": [["a", 2]],
        "items": [2, 7, 8, 1],
        "inner": [[2], {"q": 2}],
        "point": 2,
        "match": "a11",
        "json": {"a": [1, None]},
        "quoted": "a%20b",
        "n": 4,
    }


LIBRARIES = """
import base64, csv, datetime, decimal, hashlib, hmac, io, itertools, json, math, random, re, statistics, uuid
def main(input):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["a", "b"])
    when = datetime.datetime.strptime("2026-03-01 08:00", "%Y-%m-%d %H:%M")
    return [
        base64.b64encode(b"ab").decode(), list(csv.DictReader(io.StringIO("a,b\\n1,2"))), out.getvalue(),
        (when + datetime.timedelta(days=1)).strftime("%d %b"), str(decimal.Decimal("0.1") + decimal.Decimal("0.2")),
        hashlib.sha256(b"a").hexdigest()[:8], hmac.new(b"k", b"m", "sha256").hexdigest()[:8],
        [list(g) for _, g in itertools.groupby([1, 1, 2])], math.floor(2.5), random.Random(1).randint(1, 6),
        statistics.median([1, 5, 9]), uuid.UUID(int=1).hex[-3:], len(str(uuid.uuid4())), bool(re.search("b+", "abb", re.I | re.M)),
    ]
"""


async def test_libraries_compute(module_host: ModuleHost) -> None:
    assert await value(module_host, LIBRARIES) == [
        "YWI=",
        [{"a": "1", "b": "2"}],
        "a,b\r\n",
        "02 Mar",
        "0.3",
        "ca978112",
        "b60090e3",
        [[1, 1], [2]],
        2,
        2,
        5,
        "001",
        36,
        True,
    ]


@pytest.mark.parametrize(
    ("source", "line", "kind", "text"),
    [
        ("def main(input):\n    x = {}\n    return x['a']", 3, "KeyError", "'a'"),
        ("import json\n\ndef main(input):\n    return json.loads('{')", 4, "JSONDecodeError", "property name"),
        (
            "def main(input):\n    def deep():\n        return 1 / 0\n    return deep()",
            3,
            "ZeroDivisionError",
            "division",
        ),
        ("def main(input):\n    return input.foo", 2, "AttributeError", "'NoneType' object has no attribute 'foo'"),
        ("x = 1\ndef main(input:\n    pass", 2, "SyntaxError", "was never closed"),
        ("import os\ndef main(input): pass", 1, "SyntaxError", "no library 'os'"),
        ("def main(input):\n    return {1, 2}", None, "TypeError", "set is not JSON"),
        ("def main(input):\n    return float('inf')", None, "ValueError", "not JSON"),
        ("def other(input): pass", None, "NameError", "no function `main(input)`"),
        ("def main(input):\n    return main(input)", 2, "RecursionError", "recursion"),
        ("class Odd(Exception):\n  pass\ndef main(input):\n  raise Odd('why')", 4, "Odd", "why"),
    ],
)
async def test_an_error_tells_where_and_what(
    module_host: ModuleHost, source: str, line: int | None, kind: str, text: str
) -> None:
    with pytest.raises(ModuleError) as caught:
        await value(module_host, source)
    details = caught.value.details
    assert (caught.value.code, details["line"], details["type"]) == ("code.error", line, kind)
    assert text in str(details["text"])
    assert line is None or caught.value.message.startswith(f"line {line}: {kind}")


async def test_limits_have_codes_of_their_own(module_host: ModuleHost) -> None:
    for code, source, inputs in (
        ("code.timeout", "def main(input):\n  while True: pass", {"timeout": "300ms"}),
        ("code.memory", "def main(input):\n  return len('x' * 10**9)", {"memory_mb": 32}),
        ("payload.too_large", "def main(input):\n  return 'x' * 2**20", {}),
    ):
        with pytest.raises(ModuleError) as caught:
            await value(module_host, source, None, **inputs)
        assert caught.value.code == code
    with pytest.raises(ModuleError) as caught:
        await value(module_host, "def main(input): pass", "x" * 2**20)
    assert caught.value.code == "payload.too_large"
    assert await value(module_host, "def main(input): return len(input)", "x" * (2**20 - 2)) == 2**20 - 2
