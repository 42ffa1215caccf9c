"""Write text, times and stable numbers the way event templates want them: as bytes, already escaped for JSON."""

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from xxhash import xxh3_64_intdigest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = tuple(b"%02d:%02d:" % divmod(minute, 60) for minute in range(1440))


@lru_cache(maxsize=1 << 16)
def escaped(text: str) -> bytes:
    """Return `text` as it stands between the quotes of a JSON string, UTF-8."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode()


@lru_cache(maxsize=1 << 12)
def second_of(second: int, separator: bytes = b"T") -> bytes:
    """Return a second since 1970, UTC, as `2026-01-12T06:00:00.`, or with another separator of date and time."""
    minute, seconds = divmod(second, 60)
    return b"%b%b%02d." % (_date_of(minute // 1440) + separator, _TIMES[minute % 1440], seconds)


@lru_cache(maxsize=8)
def _date_of(day: int) -> bytes:
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%d").encode()


def number_of(*parts: int | str) -> int:
    """Derive a 64-bit number from what names a thing: the same on every machine and in every version of Python."""
    return xxh3_64_intdigest("\0".join(map(str, parts)).encode())
