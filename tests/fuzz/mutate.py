"""Change bytes at random, as hostile or broken senders might."""

import json
import random
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

_TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"\\ud800", b"\\udc00", b"\\u0000", b"\x00", b"\xff", b"\xc3",
    b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\xc4\xb0", b"1e999", b"-0", b"NaN", b"null", b"true", b"[" * 600,
    b'{"a":' * 600, b"9" * 40, b"1" * 5000, b'"EventID":', b'"Channel":', b'"Event":{"System":{', b'"EventData":',
    b'"UserData":null,', b"\n", b"---\n", b"- ", b"  ", b"\t", b"&a ", b"*a", b"!!python/object ", b"|re",
    b"|contains|all", b"|base64offset", b"|windash", b"|cidr", b"|expand", b"|fieldref", b"%x%", b"1 of ",
    b"all of them", b" and ", b" not ", b"(", b")", b"*", b"?", b"'", b".*(a+)+$", b"(?=x)", b"(?i)", b"[^",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 2**63, "", "-", "\u0130\u202e\x00", "9" * 30, [], {}, [[]], [None, 1, "a"], {"#text": 1},
    {"#attributes": {"Name": "x"}, "#text": "y"}, {"a": {"b": ["c"]}}, "2026-01-12T06:00:00.12345Z",
    "2026-01-12 06:00:00", "9999-12-31T23:59:59-14:00", 1_768_197_600_000, "Security", "0x1F", "MD5=A,SHA256=B",
)  # fmt: skip
_MOST_BYTES = 20_000


def mutated(seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """Return one of the seeds with a few changes."""
    content = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        content = _changed(content, seeds, rng)[:_MOST_BYTES]
    return content


def _changed(content: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    begin = rng.randint(0, len(content))
    end = min(len(content), begin + rng.choice((1, 2, 4, 16, 64, 400)))
    match rng.randrange(6):
        case 0:
            return content[:begin] + bytes((rng.randrange(256),)) + content[begin + 1 :]
        case 1:
            return content[:begin] + content[end:]
        case 2:
            return content[:end] + content[begin:]
        case 3:
            return content[:begin] + rng.choice(_TOKENS) + content[begin:]
        case 4:
            return content[:begin] + rng.choice(_TOKENS) + content[end:]
    other = rng.choice(seeds)
    start = rng.randint(0, len(other))
    return content[:begin] + other[start : start + rng.choice((8, 64, 400))] + content[end:]


def changed_object(seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """Return one of the seeds, each a JSON object, with a few keys or values changed: it stays JSON."""
    record = json.loads(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        inside = record
        while True:
            key = rng.choice([*inside, "EventData", "Data", "Message", "a key"])
            if type(inside.get(key)) is dict and rng.random() < _DEEPER:
                inside = inside[key]
                continue
            if rng.random() < _REMOVED:
                inside.pop(key, None)
            elif rng.random() < _RENAMED and key in inside:
                inside[rng.choice((key.upper(), f"{key} ", key[:1], f"{key}.x"))] = inside.pop(key)
            else:
                inside[key] = deepcopy(rng.choice(_VALUES))
            break
    return json.dumps(record, ensure_ascii=rng.random() < _ESCAPED).encode("utf-8", "replace")


_DEEPER, _REMOVED, _RENAMED, _ESCAPED = 0.8, 0.2, 0.2, 0.5
