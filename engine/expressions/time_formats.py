"""Times as text: RFC 3339, and a closed set of the directives that `strftime` has, always in English.

Python's own `strptime` and `strftime` follow the machine's locale and C library; these give the same everywhere.

    %Y %m %d   year (4 digits), month, day        %y   year (2 digits: 69-99 are 19xx)
    %H %M %S   hour (24), minute, second          %f   fraction of a second, up to 6 digits
    %I %p      hour (12), AM or PM                %j   day of the year
    %b %B      Jan, January                       %a %A   Mon, Monday (read and ignored)
    %z         +02:00, +0200 or Z                 %s   seconds since 1970        %%   a percent sign
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from engine.expressions.errors import VALUE, ExpressionError

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DIRECTIVES: Final = "%Y %m %d %y %H %M %S %f %I %p %j %b %B %a %A %z %s %%"

_MAX_FORMAT = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?([Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_PATTERNS: Final[dict[str, str]] = {
    "Y": r"\d{4}", "m": r"\d{1,2}", "d": r"\d{1,2}", "y": r"\d{2}", "H": r"\d{1,2}", "M": r"\d{1,2}", "S": r"\d{1,2}",
    "f": r"\d{1,6}", "I": r"\d{1,2}", "p": r"[AaPp][Mm]", "j": r"\d{1,3}", "b": r"[A-Za-z]{3}", "B": r"[A-Za-z]{3,9}",
    "a": r"[A-Za-z]{3}", "A": r"[A-Za-z]{6,9}", "z": r"[Zz]|[+-]\d\d:?\d\d", "s": r"-?\d{1,12}",
}  # fmt: skip


def parse_rfc3339(text: str, zone: tzinfo) -> datetime:
    """The time, in UTC, of an RFC 3339 text; a text without an offset is meant in `zone`, a date is its midnight."""
    match = _RFC3339.fullmatch(text.strip()) if len(text) <= _MAX_FORMAT else None
    if match is None:
        raise ExpressionError(VALUE, "the text is not a time such as '2026-01-31T09:30:00Z'; give its format")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    return _built(
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
        int((fraction or "0").ljust(6, "0")[:6]), _offset(offset) if offset else zone,
    )  # fmt: skip


def parse_format(text: str, form: str, zone: tzinfo) -> datetime:
    """The time, in UTC, of a text in the given format; without `%z` or `%s` it is meant in `zone`."""
    if len(text) > _MAX_FORMAT * 4:
        raise ExpressionError(VALUE, f"the text does not have the format {form!r}")
    names: list[str] = []
    pattern = "".join(_pattern(part, names) for part in _parts(form))
    match = re.fullmatch(pattern, text.strip(), re.ASCII)
    if match is None:
        raise ExpressionError(VALUE, f"the text does not have the format {form!r}")
    found = dict(zip(names, match.groups(), strict=True))
    if "s" in found:
        return _EPOCH + timedelta(seconds=int(found["s"]))
    hour = int(found.get("H", "0"))
    if "I" in found:
        hour = int(found["I"])
        if not 1 <= hour <= 12:
            raise ExpressionError(VALUE, "an hour of %I is between 1 and 12")
        hour = hour % 12 + (12 if found.get("p", "AM").upper() == "PM" else 0)
    year = int(found["Y"]) if "Y" in found else _short_year(int(found["y"])) if "y" in found else 1970
    month, day = _month(found), int(found.get("d", "1"))
    fraction = int(found.get("f", "0").ljust(6, "0"))
    of = _offset(found["z"]) if "z" in found else zone
    minute, second = int(found.get("M", "0")), int(found.get("S", "0"))
    if "j" not in found:
        return _built(year, month, day, hour, minute, second, fraction, of)
    start = _built(year, 1, 1, hour, minute, second, fraction, UTC) + timedelta(days=int(found["j"]) - 1)
    if start.year != year:
        raise ExpressionError(VALUE, f"{year} has no day {found['j']}")
    return _in_utc(start.replace(tzinfo=of))


def format_rfc3339(time: datetime) -> str:
    """RFC 3339 with the offset of the time (`Z` for UTC), milli- or microseconds only where there are any."""
    digits = f"{time.microsecond:06}"
    fraction = "." + digits.removesuffix("000") if time.microsecond else ""
    return (
        f"{time.year:04}-{time.month:02}-{time.day:02}T{time.hour:02}:{time.minute:02}:{time.second:02}{fraction}"
        f"{'Z' if time.tzinfo is UTC else _offset_text(time)}"
    )


def format_time(time: datetime, form: str) -> str:
    """The time, in its own zone, in the given format."""
    return "".join(part if len(part) != 2 or part[0] != "%" else _WRITERS[part[1]](time) for part in _parts(form))


def _parts(form: str) -> list[str]:
    """Directives (`%Y`) and the text between them; `%%` is text."""
    if len(form) > _MAX_FORMAT:
        raise ExpressionError(VALUE, f"a time format has at most {_MAX_FORMAT} characters")
    parts: list[str] = []
    position = 0
    while position < len(form):
        if form[position] != "%":
            parts.append(form[position])
            position += 1
            continue
        directive = form[position + 1 : position + 2]
        if directive == "%":
            parts.append("%")
        elif directive in _PATTERNS:
            parts.append("%" + directive)
        else:
            raise ExpressionError(VALUE, f"a time format has no '%{directive}'; it has {DIRECTIVES}")
        position += 2
    return parts


def _pattern(part: str, names: list[str]) -> str:
    if len(part) == 1:
        return r"\s+" if part.isspace() else re.escape(part)
    if part[1] in names:
        raise ExpressionError(VALUE, f"{part!r} stands twice in the time format")
    names.append(part[1])
    return f"({_PATTERNS[part[1]]})"


def _month(found: dict[str, str]) -> int:
    name = found.get("B") or found.get("b")
    if name is None:
        return int(found.get("m", "1"))
    for number, month in enumerate(MONTHS, start=1):
        if name.casefold() in (month.casefold(), month[:3].casefold()):
            return number
    raise ExpressionError(VALUE, "the text holds no English name of a month")


def _short_year(year: int) -> int:
    return 1900 + year if year >= 69 else 2000 + year


def _built(
    year: int, month: int, day: int, hour: int, minute: int, second: int, fraction: int, zone: tzinfo
) -> datetime:
    leap = 1 if second == 60 else 0  # a leap second is the next minute's first
    try:
        time = datetime(year, month, day, hour, minute, second - leap, fraction, tzinfo=zone)
        return _in_utc(time) + timedelta(seconds=leap)
    except (ValueError, OverflowError):
        raise ExpressionError(VALUE, "there is no such day or time") from None


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ExpressionError(VALUE, "a time must be between the years 1 and 9999") from None


def _offset(text: str) -> tzinfo:
    match = _OFFSET.fullmatch(text)
    if match is None:
        return UTC
    hours, minutes = int(match[2]), int(match[3])
    if hours > 23 or minutes > 59:
        raise ExpressionError(VALUE, "an offset is at most 23:59")
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(-delta if match[1] == "-" else delta)


def in_zone(time: datetime, zone: tzinfo) -> datetime:
    """The time in a zone, its offset in whole minutes.

    Before some year each zone has its mean solar time, with seconds in its offset (-03:30:52), which no format can
    show: the nearest whole minute is taken then, so that what is written still names the same instant.
    """
    local = time.astimezone(zone)
    offset = local.utcoffset() or timedelta()
    if offset.seconds % 60 == 0:
        return local
    return time.astimezone(timezone(timedelta(minutes=round(offset.total_seconds() / 60))))


def _offset_text(time: datetime) -> str:
    offset = time.utcoffset() or timedelta()
    minutes = offset // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


_WRITERS: Final[dict[str, Callable[[datetime], str]]] = {
    "Y": lambda time: f"{time.year:04}",
    "m": lambda time: f"{time.month:02}",
    "d": lambda time: f"{time.day:02}",
    "y": lambda time: f"{time.year % 100:02}",
    "H": lambda time: f"{time.hour:02}",
    "M": lambda time: f"{time.minute:02}",
    "S": lambda time: f"{time.second:02}",
    "f": lambda time: f"{time.microsecond:06}",
    "I": lambda time: f"{(time.hour - 1) % 12 + 1:02}",
    "p": lambda time: "AM" if time.hour < 12 else "PM",
    "j": lambda time: f"{time.timetuple().tm_yday:03}",
    "b": lambda time: MONTHS[time.month - 1][:3],
    "B": lambda time: MONTHS[time.month - 1],
    "a": lambda time: DAYS[time.weekday()][:3],
    "A": lambda time: DAYS[time.weekday()],
    "z": _offset_text,
    "s": lambda time: str((time - _EPOCH) // timedelta(seconds=1)),
}
