"""The libraries that a source may import: parts of the standard library, each behind a flat face.

Left out with intent: whatever reaches the machine (`uuid.uuid1` reads addresses, `hashlib.file_digest` files), classes that could be
inherited from or
carry more than data (`statistics.NormalDist`, `enum`), and whatever reads attributes by names that are data (`operator`).
"""

from __future__ import annotations

import base64
import bisect
import collections
import csv
import datetime
import decimal
import functools
import hashlib
import heapq
import hmac
import html
import io
import itertools
import json
import math
import random
import re
import statistics
import string
import textwrap
import time
import urllib.parse
import uuid
from collections.abc import Callable
from types import ModuleType
from typing import Any

from engine.sandbox.inside.python.attributes import TYPES, type_of
from engine.sandbox.inside.python.guards import Library

_FLAGS = "A ASCII I IGNORECASE M MULTILINE S DOTALL X VERBOSE U UNICODE"
_TYPING = (
    "Any AnyStr Callable DefaultDict Deque Dict Final FrozenSet Generator Hashable Iterable Iterator List Literal Mapping MutableMapping "
    "NoReturn Optional Sequence Set Text Tuple Type Union"
)


_PARTS: dict[ModuleType, str] = {
    base64: (
        "b64encode b64decode urlsafe_b64encode urlsafe_b64decode standard_b64encode standard_b64decode b32encode b32decode b16encode "
        "b16decode "
        "b85encode b85decode"
    ),
    bisect: "bisect bisect_left bisect_right insort insort_left insort_right",
    collections: "Counter OrderedDict defaultdict deque",
    csv: "reader writer DictReader DictWriter QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE QUOTE_NONNUMERIC Error",
    datetime: "date datetime time timedelta timezone MINYEAR MAXYEAR",
    decimal: (
        "Decimal getcontext InvalidOperation DivisionByZero Inexact Overflow Rounded Underflow ROUND_CEILING ROUND_DOWN ROUND_FLOOR "
        "ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP ROUND_05UP"
    ),
    functools: "reduce cmp_to_key partial",
    hashlib: "new md5 sha1 sha224 sha256 sha384 sha512 sha3_224 sha3_256 sha3_384 sha3_512 blake2b blake2s pbkdf2_hmac",
    heapq: "heappush heappop heapify heappushpop heapreplace nlargest nsmallest merge",
    hmac: "new digest compare_digest",
    html: "escape unescape",
    io: "StringIO",
    json: "loads dumps JSONDecodeError",
    re: "compile match search fullmatch findall finditer sub subn split escape error",
    statistics: (
        "mean fmean geometric_mean harmonic_mean median median_low median_high mode multimode pstdev pvariance stdev variance quantiles "
        "covariance correlation StatisticsError"
    ),
    string: "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation printable whitespace capwords",
    textwrap: "dedent indent wrap fill shorten",
    time: "time time_ns monotonic perf_counter sleep",
    urllib.parse: "quote quote_plus unquote unquote_plus urlencode urljoin urlsplit urlparse urlunsplit parse_qs parse_qsl",
    uuid: "UUID uuid3 uuid4 uuid5 NAMESPACE_DNS NAMESPACE_OID NAMESPACE_URL NAMESPACE_X500",
}


@functools.cache
def contents() -> dict[str, frozenset[str]]:
    """What each library has."""
    return {name: frozenset(each._names) for name, each in libraries().items()}  # pyright: ignore[reportPrivateUsage]


def libraries() -> dict[str, Library]:
    """By the name that is imported. Chance is seeded anew at each call."""
    return {**_fixed(), "random": Library("random", _random())}


@functools.cache
def _fixed() -> dict[str, Library]:
    parts: dict[str, dict[str, Any]] = {module.__name__: _some(module, names) for module, names in _PARTS.items()}
    parts["collections"]["namedtuple"] = _namedtuple
    parts["copy"] = {"copy": copied, "deepcopy": deeply_copied}
    parts["datetime"]["UTC"] = datetime.UTC
    parts["itertools"] = _public(itertools)
    parts["math"] = _public(math)
    parts["re"].update((name, int(getattr(re, name))) for name in _FLAGS.split())
    parts["typing"] = {name: _Annotation() for name in _TYPING.split()}
    made = {name: Library(name, names) for name, names in parts.items()}
    return {**made, "urllib": Library("urllib", {"parse": made["urllib.parse"]})}


class _Annotation:
    """Stands for what annotations name. It can be subscripted and joined, and is nothing else."""

    __slots__ = ()

    def __getitem__(self, _: object) -> _Annotation:
        return self

    def __or__(self, _: object) -> _Annotation:
        return self

    __ror__ = __or__


def copied(value: Any) -> Any:
    """A list, dict or set anew; anything else is itself."""
    return value.copy() if type(value) in _COPIED else value


def deeply_copied(value: Any, memo: object = None) -> Any:
    """Data anew, all the way down; what isn't data is itself."""
    kind = type_of(value)
    if kind is list:
        return [deeply_copied(each) for each in value]
    if kind is dict:
        return {key: deeply_copied(each) for key, each in value.items()}
    if kind is tuple:
        return tuple(deeply_copied(each) for each in value)
    return copied(value)


_COPIED = frozenset(
    {list, dict, set, collections.OrderedDict, collections.defaultdict, collections.Counter, collections.deque}
)


def _namedtuple(typename: str, field_names: Any, *, defaults: Any = None) -> Any:
    """The class, whose fields can then be read."""
    made = collections.namedtuple(typename, field_names, defaults=defaults)  # type: ignore[misc]  # pyright: ignore[reportUntypedNamedTuple, reportUnknownVariableType]  # its fields are data
    TYPES[made] = frozenset(made._fields) | {"_asdict", "_replace", "_fields", "count", "index"}  # pyright: ignore[reportUnknownMemberType, reportArgumentType]  # the same
    return made  # pyright: ignore[reportUnknownVariableType]  # the same


def _random() -> dict[str, Any]:
    chance = random.Random()  # noqa: S311  # for users' own ends
    names = (
        "random randint randrange choice choices sample shuffle uniform triangular gauss normalvariate expovariate betavariate "
        "getrandbits seed"
    )
    return {**{name: getattr(chance, name) for name in names.split()}, "Random": _seeded}


def _seeded(seed: Any = None) -> random.Random:
    return random.Random(seed)  # noqa: S311  # the same


def _some(library: ModuleType, names: str) -> dict[str, Any]:
    return {name: getattr(library, name) for name in names.split()}


def _public(library: ModuleType) -> dict[str, Any]:
    """Of a library in C, which has nothing but functions, types and numbers."""
    return {name: value for name, value in vars(library).items() if not name.startswith("_")}


def importer(known: dict[str, Library]) -> Callable[..., Library]:
    """`__import__` for a source.

    The policy has refused what isn't known. Functions in C come here too, as they look for it where their caller's names are; they take
    what is loaded already, and not what this gives.
    """
    nothing = Library("nothing", {})

    def import_(
        name: str,
        _globals: object = None,
        _locals: object = None,
        fromlist: tuple[str, ...] | None = (),
        _level: int = 0,
    ) -> Library:
        if not fromlist:
            name = name.partition(".")[0]
        return known.get(name, nothing)

    return import_
