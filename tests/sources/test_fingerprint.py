"""Hashes along the content."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.sources.fingerprint import BLOCK_BYTES, TAIL_BYTES, Trail, tail_hash

CONTENT = bytes(range(256)) * (5 * BLOCK_BYTES // 256 + 77)


def fed(trail: Trail, start: int, piece: int) -> Trail:
    for at in range(start, len(CONTENT), piece):
        trail.feed(CONTENT[at : at + piece])
    return trail


@settings(max_examples=30, deadline=None)
@given(piece=st.integers(1000, 3 << 20), stop=st.integers(0, len(CONTENT)))
def test_the_hash_of_the_whole_does_not_depend_on_pieces_or_on_a_stop(piece: int, stop: int) -> None:
    whole = fed(Trail(7), 0, BLOCK_BYTES)
    stopped = Trail(7)
    stopped.feed(CONTENT[:stop])
    start = stop - stop % BLOCK_BYTES
    chain = bytes.fromhex(stopped.chain_at(stop))
    resumed = fed(Trail(7, start, chain, CONTENT[max(0, start - TAIL_BYTES) : start]), start, piece)
    assert (resumed.whole(), resumed.length) == (whole.whole(), len(CONTENT))


@settings(max_examples=50, deadline=None)
@given(piece=st.integers(1000, 3 << 20), back=st.integers(0, 3 << 20))
def test_the_tail_at_a_position_is_the_4_kb_before_it(piece: int, back: int) -> None:
    at = len(CONTENT) - back
    assert fed(Trail(7), 0, piece).tail_at(at) == tail_hash(CONTENT[at - TAIL_BYTES : at], 7)


def test_another_seed_gives_another_hash() -> None:
    assert fed(Trail(7), 0, BLOCK_BYTES).whole() != fed(Trail(8), 0, BLOCK_BYTES).whole()
