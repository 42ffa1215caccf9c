"""Children are restarted when they die, and end with the process that started them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.waiting import until
from tocsin import supervisor as module
from tocsin.sinks.trace_cursor import TraceCursor
from tocsin.supervisor import StageFailedError, Supervisor


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

    until(is_back, 10)
    assert said == ["classify was killed by SIGKILL; it is started again."]
    assert supervisor.restarts() == {"classify": 1}


def test_a_child_that_refuses_its_settings_ends_it_all_with_its_last_words(supervisor: Supervisor) -> None:
    supervisor.start("classify", ["classify", "--alert-level", "loud"])
    with pytest.raises(StageFailedError, match=r"classify ended with exit code 2(.|\n)*alert_level is `loud`"):
        until(lambda: not supervisor.watch() and False, 10)


def test_a_child_that_is_stopped_ends_by_itself(supervisor: Supervisor) -> None:
    supervisor.start("classify", ["classify"])
    process = psutil.Process(supervisor.pid("classify"))
    until(lambda: process.num_threads() > 1, 10)
    supervisor.stop("classify")
    assert supervisor.is_finished("classify")
    assert not process.is_running()


@pytest.fixture
def exporter(supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let `export-traces` be sent to nobody, and be tried again soon; return the folder of its store."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(module, "_GIVEN_UP_SECONDS", 0.5)
    folder = tmp_path / "data" / "store"
    TraceCursor(folder, {}).close()
    return folder


def _is_at_work(supervisor: Supervisor, name: str) -> bool:
    """Whether it has come to its work: two threads, the second one of which looks after its supervisor."""
    supervisor.watch()
    pid = supervisor.pid(name)
    with suppress(psutil.Error):
        return pid is not None and psutil.Process(pid).num_threads() > 1
    return False


def test_a_helper_that_refuses_what_it_finds_is_left_alone_and_tried_again_until_that_is_mended(
    supervisor: Supervisor, exporter: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = (exporter / "traces.sqlite").read_bytes()
    (exporter / "traces.sqlite").write_bytes(b"no database" * 1_000)
    supervisor.start("export-traces", ["export-traces"], is_helper=True)
    until(lambda: not supervisor.watch() and len(caplog.messages) == 2, 10)
    first = caplog.records[0]
    assert first.levelname == "ERROR"
    assert first.message.startswith("export-traces ended with exit code 2; it last said: tocsin: traces: `")
    assert "traces.sqlite` cannot be opened: file is not a database; remove it to begin anew (more in " in first.message
    assert "\n" not in first.message
    (exporter / "traces.sqlite").write_bytes(whole)
    until(lambda: _is_at_work(supervisor, "export-traces") and (exporter / "traces.lock").is_file(), 10)
    said = len(caplog.messages)
    assert supervisor.watch() == []
    assert len(caplog.messages) == said
    assert not supervisor.is_finished("export-traces")


def test_a_helper_that_fails_too_often_is_left_alone_and_others_go_on(
    supervisor: Supervisor, exporter: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (exporter / "traces.lock").mkdir()
    supervisor.start("classify", ["classify"])
    supervisor.start("export-traces", ["export-traces"], is_helper=True)
    said: list[str] = []

    def is_given_up() -> bool:
        said.extend(supervisor.watch())
        return bool(caplog.messages)

    until(is_given_up, 60)
    assert said == ["export-traces ended with exit code 1; it is started again."] * 5
    assert "Is a directory" in caplog.messages[0]
    assert supervisor.pid("classify")
    (exporter / "traces.lock").rmdir()
    until(lambda: _is_at_work(supervisor, "export-traces") and (exporter / "traces.lock").is_file(), 10)


def test_children_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from tocsin.supervisor import Supervisor\n"
        f"s = Supervisor(Path({str(tmp_path)!r}), {{'TOCSIN_DATA': {str(tmp_path / 'data')!r}}})\n"
        "s.start('classify', ['classify']); print(s.pid('classify'), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = psutil.Process(int(parent.stdout.readline()))
    until(lambda: child.num_threads() > 1, 10)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not child.is_running(), 10)
