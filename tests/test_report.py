"""`tocsin report` writes one safe page of what a store holds."""

import re
from pathlib import Path

import pytest

from tests.command import tocsin
from tests.rules.writing import rule_text
from tests.stats.report.hostile import PAYLOADS, Tags, write_hostile
from tests.windows_events import flat_lines
from tocsin.plain import plain

_ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "h4", "p", "ul", "ol", "li", "b",
    "nav", "a", "section", "div", "span", "bdi", "figure", "img", "figcaption", "small", "table", "thead", "tbody",
    "tr", "th", "td", "details", "summary", "time", "dl", "dt", "dd", "code", "pre", "footer",
}  # fmt: skip
_ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "src", "alt", "scope", "open",
}  # fmt: skip


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the first hours of a simulated day, an attack in them."""
    folder = tmp_path_factory.mktemp("simulated")
    done = tocsin("run", "--count", 15_000, "--data", "data", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "data"


@pytest.fixture(scope="module")
def hostile_pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The pages of a store and of a scan of the same hostile logs, by hostile rules."""
    folder = tmp_path_factory.mktemp("hostile")
    logs, rules = write_hostile(folder)
    for arguments in (
        ("run", "--input", logs, "--rules", rules, "--no-builtin", "--data", "data"),
        ("report", "--rules", rules, "--no-builtin", "--data", "data"),
        ("scan", logs, "--rules", rules, "--format", "html", "--output", "scan.html"),
    ):
        done = tocsin(*arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
    return {name: (folder / name).read_text("utf-8") for name in ("data/report.html", "scan.html")}


@pytest.mark.parametrize("name", ["data/report.html", "scan.html"])
def test_nothing_that_a_log_or_a_rule_says_becomes_an_element(hostile_pages: dict[str, str], name: str) -> None:
    page = hostile_pages[name]
    tags = Tags(page)
    assert {tag for tag, _ in tags.tags} <= _ELEMENTS
    assert {attribute for _, attributes in tags.tags for attribute in attributes} <= _ATTRIBUTES
    for tag, attributes in tags.tags:
        assert re.fullmatch(r"#[sh]\d+", attributes.get("href") or "#s0")
        assert re.fullmatch(r"data:image/png;base64,[A-Za-z0-9+/=]+", attributes["src"] or "") if tag == "img" else True
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\u2028\u2066\ufeff\ud800-\udfff]", page)


@pytest.mark.parametrize("name", ["data/report.html", "scan.html"])
def test_all_that_hostile_logs_and_rules_say_can_be_read(hostile_pages: dict[str, str], name: str) -> None:
    text = Tags(hostile_pages[name]).text
    for payload in PAYLOADS:
        shown = plain(payload.encode("utf-8", "replace").decode() if "\ud800" in payload else payload, 200)
        assert text.count(shown.lstrip("?")[:150]) >= 5, payload
    count = len(PAYLOADS)
    assert f"{count:,}events" in text
    assert hostile_pages[name].count('class="alert"') == count * count
    assert "Not known" not in text  # each rule can be asked again


def test_a_report_of_a_simulated_run_says_what_to_look_at_first_and_marks_the_attacks(simulated: Path) -> None:
    done = tocsin("report", "--data", simulated, cwd=simulated)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"report: {simulated / 'report.html'}\n")
    page = (simulated / "report.html").read_text("utf-8")
    first = page[page.index("What to look at first</h2>") : page.index("Over time</h2>")]
    assert "simulated: " in first[: first.index("2.</b>")]
    assert page.count('<img src="data:image/png;base64,') == 2
    assert page.count("Why it matched") == page.count('class="alert"') > 10
    assert "Not known" not in page
    assert "Simulated attacks</h2>" in page
    assert page.count("simulated: ") > 10


def test_filters_say_what_the_page_is_of(simulated: Path) -> None:
    arguments = ("--min-level", "high", "--since", "2026-01-12T06:00", "--output", "high.html")
    assert tocsin("report", "--data", simulated, *arguments, cwd=simulated).returncode == 0
    page = (simulated / "high.html").read_text("utf-8")
    assert "level high or above" in page
    assert "events from 2026-01-12 06:00:00 UTC" in page
    assert '<span class="level medium">' not in page
    assert '<span class="level high">' in page
    nobody = ("--host", "nobody", "--output", "none.html")
    assert tocsin("report", "--data", simulated, *nobody, cwd=simulated).returncode == 0
    assert "No alerts were found." in (simulated / "none.html").read_text("utf-8")


@pytest.mark.parametrize(
    "output", ["store/csv/page.html", "store/manifest.sqlite", "bus/bus.sqlite", "labels.jsonl", "rules/my.yml"]
)
def test_a_report_takes_the_place_of_nothing_that_it_is_made_of(simulated: Path, output: str) -> None:
    (simulated / "rules").mkdir(exist_ok=True)
    (simulated / "rules" / "my.yml").write_text(rule_text("EventID: 1"))
    done = tocsin("report", "--data", ".", "--rules", "rules", "--output", output, cwd=simulated)
    assert (done.returncode, "is, or lies within, what is read here" in done.stderr) == (2, True), done.stderr


def test_rules_that_are_not_loaded_are_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("Image|endswith: whoami.exe", level="high", title="Mine"))
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(flat_lines(20)))
    run = ("run", "--input", "events.jsonl", "--rules", "rule.yml", "--no-builtin", "--data", "data")
    assert tocsin(*run, cwd=tmp_path).returncode == 0
    assert tocsin("report", "--data", "data", cwd=tmp_path).returncode == 0
    page = (tmp_path / "data" / "report.html").read_text("utf-8")
    assert "Not known: the rule is not among those that are loaded here" in page
    assert "not all events were judged by the rules that are loaded here" in page
    (tmp_path / "rule.yml").write_text(rule_text("Image|endswith: cmd.exe", level="high", title="Mine", id=_id(page)))
    assert tocsin("report", "--data", "data", "--rules", "rule.yml", cwd=tmp_path).returncode == 0
    assert "the rule as it is loaded here does not fire on this event" in (tmp_path / "data/report.html").read_text()


def _id(page: str) -> str:
    found = re.search(r"<dt>rule</dt><dd><bdi>([0-9a-f-]{36})</bdi>", page)
    assert found
    return found[1]


def test_a_report_without_a_store_says_what_makes_one(tmp_path: Path) -> None:
    done = tocsin("report", "--data", "nowhere", cwd=tmp_path)
    assert (done.returncode, "`tocsin run` or `tocsin store` makes one" in done.stderr) == (2, True), done.stderr
    assert sorted(tmp_path.iterdir()) == []
