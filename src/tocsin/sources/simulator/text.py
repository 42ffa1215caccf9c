"""Write text, times and stable numbers the way event templates want them: as bytes, already escaped for JSON."""

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from xxhash import xxh3_64_intdigest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_THREE_DIGITS = tuple(b"%03d" % number for number in range(1000))
_SECONDS = tuple(b"%02d." % second for second in range(60))


@lru_cache(maxsize=1 << 16)
def escaped(text: str) -> bytes:
    """Return `text` as it stands between the quotes of a JSON string, UTF-8."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode()


def second_of(second: int, separator: bytes = b"T") -> bytes:
    """Return a second since 1970, UTC, as `2026-01-12T06:00:00.`, or with another separator of date and time."""
    return _minute_of(second // 60, separator) + _SECONDS[second % 60]


def utc_of(time_us: int) -> bytes:
    """Return a time as Sysmon's UtcTime: `2026-01-12 06:00:00.123`."""
    second, micros = divmod(time_us, 1_000_000)
    return second_of(second, b" ") + _THREE_DIGITS[micros // 1000]


@lru_cache(maxsize=1 << 12)
def _minute_of(minute: int, separator: bytes) -> bytes:
    date = (_EPOCH + timedelta(minutes=minute)).strftime("%Y-%m-%d %H:%M:")
    return date.encode().replace(b" ", separator)


def number_of(*parts: int | str) -> int:
    """Derive a 64-bit number from what names a thing: the same on every machine and in every version of Python."""
    return xxh3_64_intdigest("\0".join(map(str, parts)).encode())


def file_hashes(kind: str, name: str, version: str) -> bytes:
    """Return the hashes of a file as Sysmon writes them, always the same for a kind, name and version."""
    digits = "".join(f"{number_of(kind, name, version, part):016X}" for part in range(11))
    md5, sha1, sha256, imphash = digits[:32], digits[32:72], digits[72:136], digits[136:168]
    return f"SHA1={sha1},MD5={md5},SHA256={sha256},IMPHASH={imphash}".encode()
