"""Children are restarted when they die, and end with the process that started them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tocsin.supervisor import StageFailedError, Supervisor


def _wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "logs", {"TOCSIN_DATA": str(tmp_path / "data")})
    yield made
    made.stop_all()


def test_a_child_that_is_killed_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start("classify", ["classify"])
    first = supervisor.pid("classify")
    assert first
    os.kill(first, signal.SIGKILL)
    said: list[str] = []

    def is_back() -> bool:
        said.extend(supervisor.watch())
        return supervisor.pid("classify") not in (first, None)

    _wait_for(is_back)
    assert said == ["classify was killed by SIGKILL; it is started again."]
    assert supervisor.restarts() == {"classify": 1}


def test_a_child_that_refuses_its_settings_ends_it_all_with_its_last_words(supervisor: Supervisor) -> None:
    supervisor.start("classify", ["classify", "--alert-level", "loud"])
    with pytest.raises(StageFailedError, match=r"classify ended with exit code 2(.|\n)*alert_level is `loud`"):
        _wait_for(lambda: not supervisor.watch() and False)


def test_a_child_that_is_stopped_ends_by_itself(supervisor: Supervisor) -> None:
    supervisor.start("classify", ["classify"])
    process = psutil.Process(supervisor.pid("classify"))
    _wait_for(lambda: process.num_threads() > 1)
    supervisor.stop("classify")
    assert supervisor.is_finished("classify")
    assert not process.is_running()


def test_children_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from tocsin.supervisor import Supervisor\n"
        f"s = Supervisor(Path({str(tmp_path)!r}), {{'TOCSIN_DATA': {str(tmp_path / 'data')!r}}})\n"
        "s.start('classify', ['classify']); print(s.pid('classify'), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = psutil.Process(int(parent.stdout.readline()))
    _wait_for(lambda: child.num_threads() > 1)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _wait_for(lambda: not child.is_running())
