"""Break records in known ways, and know what must become of each."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Break = Callable[[bytes, random.Random], bytes]


def _inside_a_string(raw: bytes, inserted: bytes) -> bytes:
    """Insert bytes into the first string value."""
    at = raw.index(b':"') + 2
    return raw[:at] + inserted + raw[at:]


def _truncated(raw: bytes, rng: random.Random) -> bytes:
    return raw[: rng.randrange(1, len(raw) - 1)]


# name -> (how to break a JSON object, the reason it becomes a dead letter; "" where it must be stored all the same)
WAYS: dict[str, tuple[Break, str]] = {
    "invalid_utf8": (lambda raw, rng: _inside_a_string(raw, b"\xff\xc0"), ""),
    "lone_surrogate": (lambda raw, rng: _inside_a_string(raw, b"\\ud800"), ""),
    "truncated": (_truncated, "not_json"),
    "nul": (lambda raw, rng: _inside_a_string(raw, b"\x00"), "not_json"),
    "infinite_number": (lambda raw, rng: b'{"Huge":1e999,' + raw[1:], "not_json"),
    "nested_too_deep": (lambda raw, rng: b'{"Deep":' + b"[" * 10_000 + b"]" * 10_000 + b"," + raw[1:], "too_deep"),
    "array": (lambda raw, rng: b"[" + raw + b"]", "not_an_object"),
}


@dataclass(frozen=True)
class BrokenLines:
    """Lines with some broken: where, and how."""

    lines: Sequence[bytes]
    reasons: dict[int, str]  # index of a broken line -> reason of its dead letter, "" for none


def break_some(lines: Sequence[bytes], count: int, seed: int) -> BrokenLines:
    """Break `count` of the lines, each way equally often, at random places."""
    rng = random.Random(seed)
    broken = list(lines)
    reasons = {}
    for turn, index in enumerate(rng.sample(range(len(lines)), count)):
        way, reason = list(WAYS.values())[turn % len(WAYS)]
        broken[index] = way(lines[index], rng)
        reasons[index] = reason
    return BrokenLines(broken, reasons)
