"""A partition of which nothing comes is told from one that waits for its turn."""

from tocsin.bus.kafka.stalls import Stalls

_A, _B = ("raw", 0), ("raw", 1)


def test_what_is_read_to_its_end_is_no_stall() -> None:
    stalls = Stalls()
    for _ in range(5):
        assert stalls.look({_A: 10, _B: 7}, {_A: 10, _B: 7}) is None


def test_what_moves_is_no_stall() -> None:
    stalls = Stalls()
    for at in range(5):
        assert stalls.look({_A: at, _B: 7}, {_A: 1000, _B: 7}) is None


def test_nothing_of_what_is_there_is_a_stall() -> None:
    stalls = Stalls()
    assert stalls.look({_A: 10, _B: 7}, {_A: 20, _B: 7}) is None
    assert stalls.look({_A: 10, _B: 9}, {_A: 20, _B: 9}) == _A


def test_all_may_stall_at_once() -> None:
    stalls = Stalls()
    assert stalls.look({_A: 10, _B: 7}, {_A: 20, _B: 8}) is None
    assert stalls.look({_A: 10, _B: 7}, {_A: 20, _B: 8}) == _A


def test_one_waits_for_its_turn_as_long_as_others_give_what_was_before_it() -> None:
    stalls = Stalls()
    assert stalls.look({_A: 10, _B: 0}, {_A: 20, _B: 1000}) is None
    assert stalls.look({_A: 10, _B: 400}, {_A: 20, _B: 1500}) is None
    assert stalls.look({_A: 10, _B: 999}, {_A: 20, _B: 1500}) is None
    assert stalls.look({_A: 20, _B: 1001}, {_A: 20, _B: 1500}) is None


def test_one_that_is_passed_over_is_a_stall_however_much_comes_of_others() -> None:
    stalls = Stalls()
    assert stalls.look({_A: 10, _B: 0}, {_A: 20, _B: 1000}) is None
    assert stalls.look({_A: 10, _B: 900}, {_A: 20, _B: 5000}) is None
    assert stalls.look({_A: 10, _B: 1800}, {_A: 20, _B: 9000}) == _A


def test_a_partition_that_has_come_meanwhile_is_before_nobody() -> None:
    stalls = Stalls()
    assert stalls.look({_A: 10}, {_A: 20}) is None
    assert stalls.look({_A: 10, _B: 0}, {_A: 20, _B: 1000}) == _A
