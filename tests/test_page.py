"""The page of a scan: hostile text in it stays text."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.command import tocsin
from tests.rules.writing import loaded, rule_text
from tests.windows_events import flat_lines
from tocsin.commands import page as page_module
from tocsin.commands.page import CARRIED, print_page
from tocsin.rules.rule import Rule
from tocsin.stages.scan import Carried, Detection

SCRIPT = "<script>alert(1)</script>"
HOSTILE = f"{SCRIPT}\"'><img src=x onerror=alert(1)>\u202e\x1b[31m\x00&amp;"


class Tags(HTMLParser):
    """Collects the elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(tmp_path: Path) -> str:
    (tmp_path / "rule.yml").write_text(
        rule_text("EventID: 1", title=HOSTILE, author=HOSTILE, license=HOSTILE, level="high", tags=["attack.t1033"])
    )
    event = json.loads(flat_lines(1)[0])
    hostile = [{"Hostname": HOSTILE}, {"Image": HOSTILE}, {HOSTILE: HOSTILE}, {"User": HOSTILE, "@timestamp": HOSTILE}]
    logs = tmp_path / SCRIPT.replace("/", "")
    logs.mkdir()
    (logs / "events.jsonl").write_text("\n".join(json.dumps(event | changes) for changes in hostile))
    done = tocsin("scan", logs, "--rules", "rule.yml", "--format", "html", "--output", "page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return (tmp_path / "page.html").read_text("utf-8")


def test_nothing_that_a_log_or_a_rule_says_becomes_an_element(page: str) -> None:
    tags = Tags(page)
    elements = {tag for tag, _ in tags.tags}
    assert elements <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "ul", "li", "table", "thead", "tbody", "tr", "th",
        "td", "p", "code", "details", "summary", "pre",
    }  # fmt: skip
    assert {name for _, attributes in tags.tags for name in attributes} <= {
        "lang", "charset", "http-equiv", "content", "name", "class",
    }  # fmt: skip
    assert tags.text.count(SCRIPT) >= 8


def test_what_reorders_or_hides_text_is_written_out(page: str) -> None:
    assert not re.search("[\u202e\x00\x1b]", page)
    assert r"\u202e\x1b[31m\x00" in page


def test_no_script_may_run_and_nothing_is_loaded(page: str) -> None:
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "http" not in re.sub(r"http-equiv", "", page)


def test_every_detection_is_listed_with_its_event(page: str) -> None:
    assert page.count("<details>") == 4
    assert "4 events of 1 files, 1 detection rules: 4 detections" in page
    assert re.search(r'class="level high">high</td>\s*<td>', page)


def test_a_page_without_detections_says_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("EventID: 2"))
    (tmp_path / "events.jsonl").write_bytes(flat_lines(1)[0])
    done = tocsin("scan", "events.jsonl", "--rules", "rule.yml", "--format", "html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 events of 1 files, 1 detection rules: 0 detections" in done.stdout


def detections(rule: Rule, count: int, event: bytes = b'{"a":1}') -> Iterator[Detection]:
    for number in range(count):
        yield Detection(f"{number:032x}", "", f"host{number}", "a.jsonl", "line", number + 1, rule, event)


def printed(found: list[Detection], notes: list[str]) -> str:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    assert print_page(found, {}, out, notes=lambda count: notes) == len(found)
    return out.buffer.getvalue().decode()


def test_a_page_has_limits_and_says_what_it_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "CARRIED", Carried(per_rule=4, event_bytes=CARRIED.event_bytes))
    monkeypatch.setattr(page_module, "_MAX_ROWS", 6)
    monkeypatch.setattr(page_module, "_MAX_HOSTS", 3)
    monkeypatch.setattr(page_module, "_MAX_NOTES", 2)
    (high,), _ = loaded(rule_text("A: 1", title="High", level="high"))
    (low,), _ = loaded(rule_text("A: 2", title="Low", level="low"))
    made = printed([*detections(low, 5), *detections(high, 5)], ["one", "two", "three"])
    assert (made.count("<details>"), made.count("<td>High<details>"), made.count("<td>Low<details>")) == (6, 4, 2)
    assert "6 are listed, 4 more are not: the first 4 of each rule, of these at most 6 or" in made
    assert "And 2 more hosts." in made
    assert "two</li>\n<li>and 1 more notes, on standard error</li>" in made


def test_a_page_stays_small_enough_for_a_browser_whatever_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "_MAX_PAGE_BYTES", 3_000)
    monkeypatch.setattr(page_module, "_MAX_EVENT_BYTES", 1_000)
    (rule,), _ = loaded(rule_text("A: 1"))
    made = printed(list(detections(rule, 5, b"x" * 1_001)), [])
    assert made.count("<details>") < 5
    assert "more are not" in made
    made = printed(list(detections(rule, 2, b"x" * 1_001)), [])
    assert (made.count("<details>"), made.count("cut at 1,000 bytes"), len(made) < 8_000) == (2, 2, True)


def test_no_room_for_temporary_files_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("EventID: 1"))
    event = json.loads(flat_lines(1)[0])
    lines = [json.dumps(event | {"Long": f"{number}" * 30_000}) for number in range(10, 90)]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    command = f"ulimit -f 100; exec {sys.executable} -m tocsin scan events.jsonl --rules rule.yml --format html"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "TMPDIR names another folder" in done.stderr) == (75, True), done.stderr
    assert "Traceback" not in done.stderr
