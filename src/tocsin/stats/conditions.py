"""Filters as SQL: a condition on rows of the views `events` and `alerts`, and its values."""

from datetime import datetime
from typing import Any

from tocsin.stats.statistics import Filters

IS_WANTED = """
    ($since IS NULL OR time >= $since::TIMESTAMP) AND ($until IS NULL OR time < $until::TIMESTAMP)
    AND ($host IS NULL OR host = $host)
"""
IS_WANTED_ALERT = f"{IS_WANTED} AND list_contains($levels, level)"


def values_of(filters: Filters) -> dict[str, Any]:
    """Return the values of IS_WANTED."""
    since, until = filters.since_utc, filters.until_utc
    return {"since": since and as_stored(since), "until": until and as_stored(until), "host": filters.host}


def alert_values_of(filters: Filters) -> dict[str, Any]:
    """Return the values of IS_WANTED_ALERT."""
    return values_of(filters) | {"levels": list(filters.levels)}


def as_stored(time_utc: datetime) -> datetime:
    """The store keeps UTC without a zone."""
    return time_utc.replace(tzinfo=None)
