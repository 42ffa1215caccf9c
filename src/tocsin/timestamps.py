"""Times: microseconds since 1970, UTC; as text by RFC 3339."""

import time
from datetime import UTC, datetime
from functools import lru_cache


def clock_us() -> int:
    """Return the time now: UTC, microseconds since 1970."""
    return time.time_ns() // 1000


def iso_utc(time_us: int) -> str:
    """Return e.g. `2026-01-12T06:00:00.000001Z` for microseconds since 1970. Raises ValueError beyond year 9999."""
    seconds, microseconds = divmod(time_us, 1_000_000)
    return f"{_second(seconds)}.{microseconds:06d}Z"


@lru_cache(maxsize=4096)  # events come in order of time, many to a second
def _second(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    except (OverflowError, OSError) as error:
        raise ValueError(f"{seconds} seconds since 1970 is no time in years 1 to 9999") from error
