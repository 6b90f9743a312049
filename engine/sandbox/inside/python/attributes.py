"""Which attributes a value has for a source: by its exact type, from a list. What isn't listed isn't there.

Nothing listed leads to a frame, a module, a function's globals, or a class that isn't listed. `str.format` is replaced by one that asks
the guards.
"""

from __future__ import annotations

import _csv
import collections
import csv
import datetime
import decimal
import hashlib
import hmac
import io
import itertools
import random
import re
import types
import urllib.parse
import uuid
from typing import Any, cast


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TEXT = _names(
    "capitalize casefold center count encode endswith expandtabs find index isalnum isalpha isascii isdecimal isdigit isidentifier "
    "islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace"
    " rfind "
    "rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title translate upper zfill format format_map"
)
_BYTES = _names(
    "capitalize center count decode endswith expandtabs find fromhex hex index isalnum isalpha isascii isdigit islower isspace istitle "
    "isupper join "
    "ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split "
    "splitlines startswith "
    "strip swapcase title translate upper zfill"
)
_MAPPING = _names("clear copy fromkeys get items keys pop popitem setdefault update values")
_SET = _names("copy difference intersection isdisjoint issubset issuperset symmetric_difference union")
_DATE = _names("year month day weekday isoweekday isocalendar isoformat strftime replace toordinal timetuple ctime")
_TIME = _names("hour minute second microsecond tzinfo fold utcoffset tzname dst isoformat strftime replace")

_EMPTY: dict[str, str] = {}

TYPES: dict[type[Any], frozenset[str]] = {
    str: _TEXT,
    bytes: _BYTES,
    bytearray: _BYTES | _names("append clear copy extend insert pop remove reverse"),
    int: _names("bit_length bit_count to_bytes real imag numerator denominator conjugate as_integer_ratio"),
    bool: _names("real imag numerator denominator"),
    float: _names("is_integer hex as_integer_ratio real imag"),
    complex: _names("real imag conjugate"),
    list: _names("append clear copy count extend index insert pop remove reverse sort"),
    tuple: _names("count index"),
    dict: _MAPPING,
    set: _SET
    | _names("add clear discard pop remove update difference_update intersection_update symmetric_difference_update"),
    frozenset: _SET,
    range: _names("start stop step count index"),
    slice: _names("start stop step indices"),
    types.GeneratorType: _names("send close"),
    types.MappingProxyType: _names("get items keys values"),
    type(_EMPTY.keys()): _names("isdisjoint"),
    type(_EMPTY.items()): _names("isdisjoint"),
    collections.OrderedDict: _MAPPING | _names("move_to_end"),
    collections.defaultdict: _MAPPING,
    collections.Counter: _MAPPING | _names("elements most_common subtract total"),
    collections.deque: _names(
        "append appendleft clear copy count extend extendleft index insert pop popleft remove reverse rotate maxlen"
    ),
    datetime.date: _DATE,
    datetime.time: _TIME,
    datetime.datetime: _DATE | _TIME | _names("date time timetz astimezone timestamp utctimetuple"),
    datetime.timedelta: _names("days seconds microseconds total_seconds"),
    datetime.timezone: _names("utcoffset tzname dst"),
    type(datetime.date(2000, 1, 1).isocalendar()): _names("year week weekday"),
    decimal.Decimal: _names(
        "adjusted as_integer_ratio as_tuple compare copy_abs copy_negate copy_sign exp fma is_finite is_infinite is_nan is_signed "
        "is_zero ln "
        "log10 max min normalize quantize remainder_near same_quantum scaleb sqrt to_integral_value to_eng_string"
    ),
    decimal.Context: _names("prec rounding quantize create_decimal copy"),
    re.Pattern: _names("match search fullmatch findall finditer sub subn split pattern flags groups groupindex"),
    re.Match: _names("group groups groupdict start end span string lastindex lastgroup pos endpos expand"),
    uuid.UUID: _names("hex int bytes urn version variant fields time node"),
    random.Random: _names(
        "random randint randrange choice choices sample shuffle uniform triangular gauss normalvariate expovariate betavariate "
        "lognormvariate paretovariate vonmisesvariate weibullvariate getrandbits seed"
    ),
    hmac.HMAC: _names("update digest hexdigest copy name digest_size block_size"),
    io.StringIO: _names("write writelines read readline readlines getvalue seek tell truncate close"),
    csv.DictReader: _names("fieldnames line_num"),
    csv.DictWriter: _names("writeheader writerow writerows fieldnames"),
    type(csv.reader([])): _names("line_num"),
    _csv.Writer: _names("writerow writerows"),
    urllib.parse.SplitResult: _names("scheme netloc path query fragment username password hostname port geturl"),
    urllib.parse.ParseResult: _names("scheme netloc path params query fragment username password hostname port geturl"),
    itertools.count: frozenset(),
    itertools.chain: _names("from_iterable"),
}
TYPES.update(
    (type(hashlib.new(name)), _names("update digest hexdigest copy name digest_size block_size"))
    for name in ("md5", "sha256", "sha3_256", "blake2b", "blake2s")
)

CLASSES: dict[type[Any], frozenset[str]] = {
    str: _names(
        "join maketrans lower upper strip title capitalize casefold startswith endswith isdigit isalpha split replace"
    ),
    bytes: _names("fromhex join maketrans"),
    bytearray: _names("fromhex"),
    int: _names("from_bytes"),
    float: _names("fromhex"),
    dict: _names("fromkeys get keys values items"),
    list: _names("append"),
    set: _names("union intersection add"),
    collections.Counter: frozenset(),
    collections.OrderedDict: _names("fromkeys"),
    datetime.date: _names("today fromisoformat fromtimestamp fromordinal fromisocalendar min max resolution"),
    datetime.time: _names("fromisoformat min max resolution"),
    datetime.datetime: _names(
        "now utcnow today strptime fromisoformat fromtimestamp utcfromtimestamp fromordinal fromisocalendar combine min max resolution"
    ),
    datetime.timedelta: _names("min max resolution"),
    datetime.timezone: _names("utc min max"),
    decimal.Decimal: _names("from_float"),
    itertools.chain: _names("from_iterable"),
}
"""What may be read of the classes themselves."""

WRITABLE: frozenset[type] = frozenset(
    {dict, list, bytearray, collections.OrderedDict, collections.defaultdict, collections.Counter, collections.deque}
)
"""Whose items may be set. None of them has attributes that can be."""

_FUNCTIONS: tuple[type, ...] = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def type_of(value: Any) -> type[Any]:
    """Its exact type, whatever it claims."""
    return cast("type[Any]", type(value))


def name_of(value: Any) -> str:
    """`__name__`, of functions and classes."""
    if isinstance(value, type):
        return str(value.__name__)
    if type(value) in _FUNCTIONS:
        return str(value.__name__)
    raise AttributeError(f"{type(value).__name__!r} object has no attribute '__name__'")
