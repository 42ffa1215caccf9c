"""The page of a scan: hostile text in it stays text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.command import tocsin
from tests.rules.writing import rule_text
from tests.windows_events import flat_lines

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
