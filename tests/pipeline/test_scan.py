"""A scan by several processes finds what one alone finds, in the same order."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.command import start_tocsin, tocsin
from tests.rules.writing import rule_text
from tests.windows_events import flat_lines

from tocsin.config import load_config
from tocsin.errors import DeliveryError
from tocsin.pipeline.scan import NO_EVENTS, Scanner, open_scan
from tocsin.stages.scan import Carried, Detection

PORTION_BYTES = 20_000  # some fifty events
_BAD_DISK = """
import errno
from tocsin.sources.content import FileBytes
read = FileBytes.read
def fail(self, size):
    if {begin} <= self.offset < {end}:
        raise OSError(errno.EIO, "Input/output error")
    return read(self, size)
FileBytes.read = fail
"""
RULES = (("whoami", "medium"), ("notepad", "low"))


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    for name, level in RULES:
        text = rule_text(f"Image|endswith: '\\{name}.exe'", title=name, level=level, tags=["attack.t1033"])
        (folder / f"{name}.yml").write_text(text)
    return folder


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Files of all kinds that portions and copies could be got wrong in."""
    folder = tmp_path / "logs"
    folder.mkdir()
    lines = flat_lines(1200)
    (folder / "a-large.jsonl").write_bytes(b"\n".join(lines[:400]))  # no newline at its end
    (folder / "b-copy.jsonl").write_bytes(b"\n".join(lines[:400]))
    broken = [*lines[400:500], b"", b"{not JSON", b"", *lines[500:800]]
    (folder / "c-broken.jsonl").write_bytes(b"\r\n".join(broken) + b"\r\n")
    long = json.dumps(json.loads(lines[800]) | {"Long": "x" * 3 * PORTION_BYTES}).encode()
    (folder / "d-long-line.jsonl").write_bytes(b"\n".join([*lines[801:1000], long, *lines[1000:]]) + b"\n")
    (folder / "e-small.jsonl").write_bytes(lines[0] + b"\n")
    (folder / "f-utf16.jsonl").write_bytes("\n".join(line.decode() for line in lines[:200]).encode("utf-16"))
    (folder / "g-empty.jsonl").write_bytes(b"")
    return folder


def scanner_of(paths: list[Path], rules: Path, workers: int, carried: Carried = NO_EVENTS) -> Scanner:
    config = load_config({"scan.workers": str(workers)}, {})
    return open_scan(config, paths, [rules], carried, PORTION_BYTES)


def scanned(paths: list[Path], rules: Path, workers: int) -> tuple[list[Detection], dict[str, Any]]:
    """Return the detections, and all that a scan says of what it read."""
    scanner = scanner_of(paths, rules, workers, Carried(5, 1 << 20))
    assert (scanner.crew is not None) == (workers > 1)
    found = list(scanner.detections(lambda: False, lambda: None))
    report = scanner.source.report
    return found, {
        "events": scanner.scan.counts.events,
        "formats": dict(scanner.scan.counts.formats),
        "unreadable": dict(scanner.scan.counts.unreadable),
        "files": report.files,
        "records": report.records,
        "empty lines": report.empty_lines,
        "copies": report.copies,
        "problems": sorted(report.problems),
    }


def without_events(found: list[Detection]) -> list[tuple[object, ...]]:
    return [(one.event_id, one.time, one.host, one.file, one.place, one.number, one.rule.id) for one in found]


def test_three_workers_find_what_one_finds_and_say_the_same_of_it(logs: Path, rules: Path) -> None:
    alone, said_alone = scanned([logs], rules, 1)
    together, said_together = scanned([logs], rules, 3)
    assert len(alone) > 300
    names = {Path(one.file).name for one in alone}
    assert names == {"a-large.jsonl", "c-broken.jsonl", "d-long-line.jsonl", "f-utf16.jsonl"}
    assert without_events(together) == without_events(alone)
    assert said_together == said_alone
    assert said_alone["copies"] != []
    assert said_alone["unreadable"] == {"not_json": 1}


def test_the_first_detections_of_each_rule_carry_their_event_whoever_found_them(logs: Path, rules: Path) -> None:
    for workers in (1, 3):
        found, _ = scanned([logs], rules, workers)
        first = [one for one in found if one.rule.title == "whoami"][:5]
        assert all(json.loads(one.event)["Image"].endswith("whoami.exe") for one in first)


def test_a_file_that_comes_first_is_read_by_portions(logs: Path, rules: Path) -> None:
    scanner = scanner_of([logs / "a-large.jsonl"], rules, 2)
    assert scanner.crew is not None
    done = []
    found = list(scanner.detections(lambda: False, lambda: done.append(scanner.progress())))
    assert [one.number for one in found] == sorted(one.number for one in found)
    size = (logs / "a-large.jsonl").stat().st_size
    assert (done[-1], scanner.source.report.files) == ((size, size), 1)


def test_a_worker_that_is_killed_ends_the_scan_with_an_error_that_says_so(logs: Path, rules: Path) -> None:
    scanner = scanner_of([logs], rules, 2)
    assert scanner.crew is not None
    crew = scanner.crew
    is_done = False

    def kill_one() -> None:
        nonlocal is_done
        if not is_done and len(crew.pids()) == 2:
            os.kill(crew.pids()[0], signal.SIGKILL)
            is_done = True

    with pytest.raises(DeliveryError, match="a worker was killed by SIGKILL"):
        list(scanner.detections(lambda: False, kill_one))
    assert not any(map(is_running, crew.pids()))


@pytest.mark.parametrize("stop_after", [0, 40])
def test_a_stop_leaves_no_worker_and_gives_what_was_found_until_then(logs: Path, rules: Path, stop_after: int) -> None:
    alone, _ = scanned([logs], rules, 1)
    scanner = scanner_of([logs], rules, 2)
    assert scanner.crew is not None
    found: list[Detection] = []
    for detection in scanner.detections(lambda: len(found) >= stop_after, lambda: None):
        found.append(detection)
    assert stop_after <= len(found) < len(alone)
    in_order = iter(without_events(alone))
    assert all(one in in_order for one in without_events(found))
    assert not any(map(is_running, scanner.crew.pids()))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_rules_that_a_worker_finds_changed_are_refused(logs: Path, rules: Path) -> None:
    scanner = scanner_of([logs], rules, 2)
    (rules / "whoami.yml").unlink()
    with pytest.raises(Exception, match="the rules were changed while the scan began"):
        list(scanner.detections(lambda: False, lambda: None))


@pytest.mark.parametrize("arguments", [(), ("--format", "csv"), ("--format", "jsonl")])
def test_the_command_prints_the_same_whatever_the_workers(
    tmp_path: Path, logs: Path, rules: Path, arguments: tuple[str, ...]
) -> None:
    printed = {
        workers: tocsin("scan", logs, "--rules", rules, "--workers", workers, *arguments, cwd=tmp_path)
        for workers in ("1", "2")
    }
    assert printed["1"].returncode == printed["2"].returncode == 0
    assert printed["1"].stdout == printed["2"].stdout != ""
    assert printed["1"].stderr == printed["2"].stderr


def test_a_layer_of_what_fired_scores_techniques_by_detections(tmp_path: Path, logs: Path, rules: Path) -> None:
    done = tocsin(
        "scan", logs, "--rules", rules, "--format", "jsonl", "--navigator", "fired.json", "--level", "medium",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    layer = json.loads((tmp_path / "fired.json").read_text())
    assert layer["versions"]["layer"] == "4.5"
    count = len(done.stdout.splitlines())
    assert [(entry["techniqueID"], entry["score"], entry["comment"]) for entry in layer["techniques"]] == [
        ("T1033", count, f"whoami ({count})")
    ]


@pytest.mark.parametrize("format_name", ["csv", "html", "jsonl", "table"])
def test_output_gets_its_name_when_it_is_whole(tmp_path: Path, logs: Path, rules: Path, format_name: str) -> None:
    arguments = ("scan", logs, "--rules", rules, "--format", format_name, "--output", "found.txt")
    done = tocsin(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    whole = (tmp_path / "found.txt").read_bytes()
    assert b"whoami" in whole
    (rules / "whoami.yml").write_text("title: broken")
    (rules / "notepad.yml").write_text("title: broken")
    assert tocsin(*arguments, cwd=tmp_path).returncode == 2
    assert (tmp_path / "found.txt").read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.txt", "logs", "rules"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--output", "logs/e-small.jsonl"), "--output: `logs/e-small.jsonl` is read here, and would be lost"),
        (("--navigator", "rules/whoami.yml"), "--navigator: `rules/whoami.yml` is read here, and would be lost"),
        (("--output", "same.txt", "--navigator", "./same.txt"), "`same.txt` is the file of --output, too"),
    ],
)
def test_no_output_takes_the_place_of_an_input_or_of_another_output(
    tmp_path: Path, logs: Path, rules: Path, arguments: tuple[str, ...], reason: str
) -> None:
    before = [path.read_bytes() for path in (logs / "e-small.jsonl", rules / "whoami.yml")]
    done = tocsin("scan", "logs", *arguments, "--rules", "rules", cwd=tmp_path)
    assert (done.returncode, reason in done.stderr) == (2, True), done.stderr
    assert [path.read_bytes() for path in (logs / "e-small.jsonl", rules / "whoami.yml")] == before
    assert not (tmp_path / "same.txt").exists()


def test_where_nothing_could_be_read_the_output_of_before_stays(tmp_path: Path, rules: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "found.txt").write_text("before")
    done = tocsin("scan", "empty", "--rules", rules, "--output", "found.txt", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "found.txt").read_text()) == (1, "before")
    assert len(list(tmp_path.glob(".found*"))) == 0


def test_an_interrupted_scan_leaves_the_output_of_before_and_what_it_found_beside_it(
    tmp_path: Path, rules: Path
) -> None:
    (tmp_path / "found.txt").write_text("before")
    lines = b"\n".join(flat_lines(1200)) + b"\n"
    with (tmp_path / "a.jsonl").open("wb") as log:
        for _ in range(100):
            log.write(lines)
    arguments = ("scan", "a.jsonl", "--rules", rules, "--format", "jsonl", "--output", "found.txt", "--workers", "1")
    scan = start_tocsin(*arguments, cwd=tmp_path)
    while not any(path.stat().st_size for path in tmp_path.glob(".found.txt.*")):
        assert scan.poll() is None, (tmp_path / "output.txt").read_text()
        time.sleep(0.01)
    scan.send_signal(signal.SIGINT)
    assert scan.wait(60) == 130
    assert (tmp_path / "found.txt").read_text() == "before"
    found = (tmp_path / "found.txt.partial").read_text().splitlines()
    assert [json.loads(line)["rule"]["title"] for line in found][:1] == ["notepad"]
    assert "what was found until then is in" in (tmp_path / "output.txt").read_text()


def test_the_first_record_that_cannot_be_read_is_named_whoever_reads_it(logs: Path, rules: Path) -> None:
    for workers in (1, 3):
        scanner = scanner_of([logs], rules, workers)
        list(scanner.detections(lambda: False, lambda: None))
        assert scanner.scan.counts.first_unreadable == {"not_json": (str(logs / "c-broken.jsonl"), "102")}


def test_output_that_is_there_keeps_its_permissions(tmp_path: Path, logs: Path, rules: Path) -> None:
    found = tmp_path / "found.txt"
    found.touch(mode=0o640)
    assert tocsin("scan", logs, "--rules", rules, "--output", found, cwd=tmp_path).returncode == 0
    assert (found.stat().st_mode & 0o777, found.stat().st_size > 0) == (0o640, True)


def test_lines_are_numbered_right_behind_a_portion_that_the_disk_does_not_give(
    tmp_path: Path, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = flat_lines(400)
    log = tmp_path / "a.jsonl"
    log.write_bytes(b"\n".join(lines))
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "sitecustomize.py").write_text(
        _BAD_DISK.format(begin=PORTION_BYTES * 2, end=PORTION_BYTES * 3)
    )
    alone, _ = scanned([log], rules, 1)
    monkeypatch.syspath_prepend(tmp_path / "disk")  # workers take over our path, and so import it at their start
    together, said = scanned([log], rules, 2)
    assert said["problems"] == [f"{log}: cannot be read (Input/output error); mend that and read it again"]
    assert 100 < len(together) < len(alone)
    in_order = iter(without_events(alone))
    assert all(one in in_order for one in without_events(together))
    assert together[-1].number == alone[-1].number


@pytest.mark.parametrize(("path", "reason"), [("/dev/full", "is no file"), ("none/found.txt", "cannot be written")])
def test_output_to_what_cannot_be_a_file_is_refused(
    tmp_path: Path, logs: Path, rules: Path, path: str, reason: str
) -> None:
    done = tocsin("scan", logs, "--rules", rules, "--output", path, cwd=tmp_path)
    assert (done.returncode, reason in done.stderr) == (2, True), done.stderr


@pytest.mark.slow
def test_real_evtx_files_give_the_same_with_two_workers(evtx_originals: Path) -> None:
    scans = []
    for workers in (1, 2):
        scanner = open_scan(load_config({"scan.workers": str(workers)}, {}), [evtx_originals / "hayabusa"], [])
        scans.append(without_events(list(scanner.detections(lambda: False, lambda: None))))
    assert scans[0] == scans[1]
    assert len(scans[0]) > 40
