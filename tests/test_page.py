"""The page of a scan is the report of a scan: the same page, made of what files hold."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.command import tocsin
from tests.rules.writing import rule_text
from tests.windows_events import flat_lines


def test_every_detection_is_listed_with_its_event_and_why(tmp_path: Path) -> None:
    rules = [
        rule_text("Image|endswith: whoami.exe", title="Who", level="high", tags=["attack.t1033"]),
        rule_text("CommandLine|contains: whoami", title="Line", level="low"),
    ]
    (tmp_path / "rules.yml").write_text("---\n".join(rules))
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(flat_lines(40)))
    scan = ("scan", "events.jsonl", "--rules", "rules.yml")
    done = tocsin(*scan, "--format", "html", "--output", "page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in tocsin(*scan, "--format", "jsonl", cwd=tmp_path).stdout.splitlines()]
    page = (tmp_path / "page.html").read_text("utf-8")
    places = [f"events.jsonl:{detection['source']['line']}" for detection in found]
    assert sorted(re.findall(r"<dt>place</dt><dd><bdi>([^<]+)</bdi>", page)) == sorted(places)
    assert len(places) > 10
    assert page.count("Why it matched") == page.count("<h4>Event</h4><pre>{") == len(places)
    assert "Not known" not in page
    assert "40 events of 1 file, 2 detection rules" in page
    assert "System Owner/User Discovery" in page
    assert '<img src="data:image/png;base64,' in page


def test_a_level_is_the_lowest_on_the_page(tmp_path: Path) -> None:
    rules = [rule_text("EventID: 1", title="High", level="high"), rule_text("EventID: 1", title="Low", level="low")]
    (tmp_path / "rules.yml").write_text("---\n".join(rules))
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(flat_lines(3)))
    scan = ("scan", "events.jsonl", "--rules", "rules.yml", "--format", "html")
    page = tocsin(*scan, "--level", "medium", cwd=tmp_path).stdout
    assert (page.count('class="alert"'), "level medium or above" in page, "<bdi>Low" in page) == (3, True, False)
    page = tocsin(*scan, cwd=tmp_path).stdout
    assert (page.count('class="alert"'), "or above" in page.partition("What to look")[0]) == (6, False)


def test_a_page_without_detections_says_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("EventID: 2"))
    (tmp_path / "events.jsonl").write_bytes(flat_lines(1)[0])
    done = tocsin("scan", "events.jsonl", "--rules", "rule.yml", "--format", "html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 event of 1 file, 1 detection rule: 0 detections" in done.stdout
    assert "No detections were found." in done.stdout


def test_the_first_detections_of_each_rule_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("EventID: 1"))
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(flat_lines(5_003)))
    done = tocsin("scan", "events.jsonl", "--rules", "rule.yml", "--format", "html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('class="alert"') == 1_000
    assert "1,000 are listed, 4,003 more are not: the first 1,000 of each rule" in done.stdout
    assert "<b>5,003</b>detections" in done.stdout


def test_detections_that_are_listed_have_their_event_whatever_their_times(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("EventID: 1"))
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(reversed(flat_lines(1_500))))  # the latest first
    done = tocsin("scan", "events.jsonl", "--rules", "rule.yml", "--format", "html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1,000 are listed, 500 more are not" in done.stdout
    assert (done.stdout.count("Why it matched"), done.stdout.count("was not kept")) == (1_000, 0)


def test_no_room_for_temporary_files_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("EventID: 1"))
    event = json.loads(flat_lines(1)[0])
    lines = [json.dumps(event | {"Long": f"{number}" * 30_000}) for number in range(10, 90)]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    command = f"ulimit -f 100; exec {sys.executable} -m tocsin scan events.jsonl --rules rule.yml --format html"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "TMPDIR names another folder" in done.stderr) == (75, True), done.stderr
    assert "Traceback" not in done.stderr
