"""The times of stages go with an event, and come out as they went in; what others put there harms nobody."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.telemetry.stage_times import MAX_BYTES, StageTimes, packed, unpacked

_TIMES = st.builds(
    StageTimes,
    stage=st.sampled_from(["produce", "classify", "store"]),
    began_us=st.integers(0, 2**52),
    steps_us=st.lists(st.integers(0, 2**40), max_size=5).map(tuple),
    records=st.integers(0, 2**32 - 1),
    instance=st.text(max_size=20),
    host=st.text(max_size=20),
    version=st.text(max_size=8),
)
_ONE = StageTimes("produce", 1_767_225_600_000_000, (17,), 500, "produce-0", "host", "1.0")


@given(st.lists(_TIMES, max_size=3))
def test_parts_of_several_stages_stand_one_behind_the_other(times: list[StageTimes]) -> None:
    assert unpacked(b"".join(map(packed, times))) == times


@given(st.binary(max_size=200))
@example(b"\x00\x05\x94\xa3\x00\x00\x80")  # a text that is no UTF-8
def test_bytes_of_others_are_parts_of_nobody_or_are_read_and_nothing_is_raised(parts: bytes) -> None:
    assert all(isinstance(each, StageTimes) for each in unpacked(parts))


def test_what_is_cut_or_another_type_ends_the_parts_before_it() -> None:
    assert unpacked(packed(_ONE) + packed(_ONE)[:-1]) == [_ONE]
    assert unpacked(packed(_ONE) + b"\x00\x01\xc0" + packed(_ONE)) == [_ONE]


def test_parts_that_are_too_long_are_none_of_ours() -> None:
    assert unpacked(packed(_ONE) * (MAX_BYTES // len(packed(_ONE)) + 1)) == []


@pytest.mark.parametrize("changes", [{"began_us": -1}, {"began_us": 1 << 60}, {"steps_us": (-5,)}, {"records": -1}])
def test_numbers_that_cannot_be_are_nobodys(changes: dict[str, Any]) -> None:
    assert unpacked(packed(msgspec.structs.replace(_ONE, **changes))) == []


def test_what_a_later_version_appends_is_ignored() -> None:
    later = msgspec.msgpack.encode([*msgspec.to_builtins(_ONE), "more"])
    assert unpacked(len(later).to_bytes(2, "big") + later) == [_ONE]
