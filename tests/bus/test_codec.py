"""Blocks come back as they were, or not at all."""

from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.bus.codec import DamagedBlockError, pack, unpack, unpacked_bytes
from tocsin.event import Record

_HEADER = st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.binary(max_size=40))
_RECORD = st.builds(
    Record,
    value=st.binary(max_size=200),
    key=st.binary(max_size=10),
    headers=st.lists(_HEADER, max_size=3).map(tuple),
    timestamp_us=st.integers(-(2**63), 2**63 - 1),
)
_LIKE_ONE_ANOTHER = st.builds(
    lambda values, names, time_us: [
        Record(value, headers=tuple((name, value[:3]) for name in names), timestamp_us=time_us) for value in values
    ],
    st.lists(st.binary(max_size=50), min_size=1, max_size=20),
    st.lists(st.sampled_from(["tocsin", "traceparent", ""]), max_size=3),
    st.integers(0, 2**53),
)


@given(st.lists(_RECORD, min_size=1, max_size=20) | _LIKE_ONE_ANOTHER, st.integers(0, 2**62))
def test_records_come_back_with_topic_partition_and_offsets(records: list[Record], base_offset: int) -> None:
    assert unpack(pack(records), "raw", 3, base_offset) == [
        Record(record.value, record.key, record.headers, record.timestamp_us, "raw", 3, base_offset + index)
        for index, record in enumerate(records)
    ]


@given(st.lists(_RECORD, min_size=1, max_size=5), st.data())
def test_a_block_with_any_byte_changed_is_refused(records: list[Record], data: st.DataObject) -> None:
    packed = bytearray(pack(records))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedBlockError, match="checksum"):
        unpack(bytes(packed), "raw", 0, 0)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_block_are_refused(junk: bytes) -> None:
    with pytest.raises(DamagedBlockError):
        unpack(junk, "raw", 0, 0)


def test_a_block_says_how_large_it_is_unpacked() -> None:
    assert 1 << 20 < unpacked_bytes(pack([Record(bytes(1 << 20))])) < (1 << 20) + 100
    with pytest.raises(DamagedBlockError):
        unpacked_bytes(b"no block at all, but long enough")


def test_like_records_share_their_headers_and_bytes() -> None:
    one = Record(b'{"EventID": 1, "Channel": "Security"}' * 80, headers=(("traceparent", b"00-1-2-00"),))
    assert len(pack([one] * 1000)) < 3000


def test_threads_pack_and_unpack_at_the_same_time() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        for size in range(200):
            values = [b"%d" % number * size] * 50
            if [record.value for record in unpack(pack([Record(value) for value in values]), "", 0, 0)] != values:
                wrong.append(number)

    threads = [Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
