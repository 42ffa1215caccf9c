"""Locks end with their process; turns at writing are never taken together."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from tocsin.locks import FileLock, WriteTurn

_HOLDER = """
import sys
from pathlib import Path
from tocsin.locks import FileLock
assert FileLock(Path(sys.argv[1])).try_acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_is_held_by_one_and_names_its_pid(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "x.lock"), FileLock(tmp_path / "x.lock")
    assert first.try_acquire()
    assert not second.try_acquire()
    assert not first.try_acquire()
    assert second.holder() == str(os.getpid())
    first.release()
    assert second.try_acquire()
    second.release()


def test_a_lock_nobody_ever_held_has_an_unknown_holder(tmp_path: Path) -> None:
    assert FileLock(tmp_path / "x.lock").holder() == "unknown"


def test_releasing_twice_or_without_holding_is_harmless(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "x.lock")
    lock.release()
    assert lock.try_acquire()
    lock.release()
    lock.release()


def test_waiting_for_a_lock_ends_in_time(tmp_path: Path) -> None:
    held, wanted = FileLock(tmp_path / "x.lock"), FileLock(tmp_path / "x.lock")
    assert held.try_acquire()
    started = time.monotonic()
    assert not wanted.acquire_within(0.05)
    assert 0.05 <= time.monotonic() - started < 1
    held.release()
    assert wanted.acquire_within(0.05)
    wanted.release()


def test_a_lock_is_free_as_soon_as_its_process_is_killed(
    tmp_path: Path, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    lock = FileLock(tmp_path / "x.lock")
    holder = start(_HOLDER, tmp_path / "x.lock")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert not lock.try_acquire()
    assert lock.holder() == str(holder.pid)
    holder.kill()
    holder.wait()
    assert lock.try_acquire()
    lock.release()


def test_a_started_program_does_not_inherit_a_lock(tmp_path: Path) -> None:
    lock, other = FileLock(tmp_path / "x.lock"), FileLock(tmp_path / "x.lock")
    assert lock.try_acquire()
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    lock.release()
    assert other.try_acquire()
    other.release()
    child.kill()
    child.wait()


def test_turns_are_never_taken_together_and_each_gets_one(tmp_path: Path) -> None:
    inside = 0
    most = 0
    turns: dict[int, int] = {}
    ends = time.monotonic() + 0.3

    def work(number: int) -> None:
        nonlocal inside, most
        turn = WriteTurn(tmp_path / "write.lock")
        while time.monotonic() < ends:
            with turn:
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1
                turns[number] = turns.get(number, 0) + 1
        turn.close()

    threads = [Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert sorted(turns) == [0, 1, 2, 3]
    assert min(turns.values()) > 5
