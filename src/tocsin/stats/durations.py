"""Say how long something took, in the unit that fits."""

from itertools import pairwise

_NS = {"d": 86_400_000_000_000, "h": 3_600_000_000_000, "min": 60_000_000_000, "s": 1_000_000_000}
_SMALL = (("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1000))


def short_duration(ns: int) -> str:
    """Return nanoseconds as some nine characters, three digits: 50 µs, 3.21 ms, 1.2 s, 2 min 5 s, 3 d 4 h."""
    if ns < 0:
        return "-" + short_duration(-ns)
    if ns >= _NS["min"]:
        return _long(ns)
    for unit, size in _SMALL:
        amount = ns / size
        if amount >= 0.9995:
            digits = 2 if amount < 9.995 else 1 if amount < 99.95 else 0
            shown = f"{amount:.{digits}f}"
            return f"{shown.rstrip('0').rstrip('.') if '.' in shown else shown} {unit}"
    return f"{ns} ns" if ns else "0 µs"


def _long(ns: int) -> str:
    names = list(_NS)
    for large, small in pairwise(names):
        if ns >= _NS[large]:
            whole, rest = divmod(ns, _NS[large])
            part = rest // _NS[small]
            return f"{whole:,} {large} {part} {small}" if part else f"{whole:,} {large}"
    raise AssertionError
