"""A real browser shows reports of hostile logs as text: nothing in them runs, asks for anything, or moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chromium import Chromium, chromium, chromium_or_skip
from tests.command import tocsin
from tests.stats.report.hostile import PAYLOADS, write_hostile
from tocsin.plain import plain

pytestmark = pytest.mark.slow

_HOSTILE = (
    "<script>alert(1)</script><img src=http://127.0.0.1:9/x.png><svg onload=alert(2)><style>p { color: red }</style>"
)
_OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"
_FOREIGN = (
    "script, iframe, svg, object, embed, form, input, textarea, link, base, video, audio, template, frame, portal"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of the same hostile logs: of a store, and of a scan."""
    chromium_or_skip()
    folder = tmp_path_factory.mktemp("hostile")
    logs, rules = write_hostile(folder)
    for arguments in (
        ("run", "--input", logs, "--rules", rules, "--no-builtin", "--data", "data"),
        ("report", "--rules", rules, "--no-builtin", "--data", "data"),
        ("scan", logs, "--rules", rules, "--format", "html", "--output", "scan.html"),
    ):
        done = tocsin(*arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
    return {"store": folder / "data" / "report.html", "scan": folder / "scan.html"}


@pytest.fixture
def browser() -> Iterator[Chromium]:
    with chromium() as started:
        yield started


def trouble(browser: Chromium) -> list[str]:
    """Return what ran, was asked for or was said on the console."""
    asked = [
        event["params"]["request"]["url"]
        for event in browser.said("Network.requestWillBeSent")
        if not event["params"]["request"]["url"].startswith(("data:image/png;base64,", "file:"))
    ]
    said = browser.said(
        "Page.javascriptDialogOpening", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded",
        "Audits.issueAdded", "Page.windowOpen", "Page.frameAttached", "Page.downloadWillBegin",
    )  # fmt: skip
    navigations = browser.said("Page.frameNavigated")[1:]
    return [*asked, *map(str, said), *map(str, navigations)]


@pytest.mark.parametrize("name", ["store", "scan"])
def test_nothing_of_hostile_logs_runs_or_is_asked_for(browser: Chromium, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name])
    browser.evaluate(_OPEN_ALL)
    browser.evaluate("document.querySelectorAll('*').forEach(one => { one.focus && one.focus(); })")
    assert trouble(browser) == []
    assert browser.evaluate(f"document.querySelectorAll('{_FOREIGN}').length") == 0
    attributes = browser.evaluate(
        "[...new Set([...document.querySelectorAll('*')].flatMap(one => one.getAttributeNames()))]"
    )
    assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc", "action")]
    links = browser.evaluate("[...document.querySelectorAll('a')].map(one => one.getAttribute('href'))")
    assert links
    assert all(link.startswith("#") for link in links)
    sources = browser.evaluate(
        "[...document.images].map(one => [one.currentSrc.slice(0, 22), one.naturalWidth > 1000])"
    )
    assert sources == [["data:image/png;base64,", True]] * len(sources)
    assert browser.evaluate("[document.title, document.styleSheets.length]") == [f"Tocsin {_title(name)}", 1]


def _title(name: str) -> str:
    return {"store": "report", "scan": "scan"}[name]


@pytest.mark.parametrize("name", ["store", "scan"])
def test_hostile_text_stands_literally_where_a_person_sees_it(
    browser: Chromium, pages: dict[str, Path], name: str
) -> None:
    browser.open(pages[name])
    browser.evaluate(_OPEN_ALL)
    seen = browser.evaluate("document.body.innerText").lower()
    for payload in PAYLOADS:
        shown = plain(payload.replace("\ud800", "?"), 200).lower()
        assert seen.count(shown.lstrip("?")[:150]) >= 5, payload


def test_events_open_by_a_click_without_any_script(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["store"])
    is_shown = "document.querySelector('.alert pre').checkVisibility({contentVisibilityAuto: true})"
    is_open = "document.querySelector('.alert').open"
    assert (browser.evaluate(is_open), browser.evaluate(is_shown)) == (False, False)
    browser.click(".alert > summary")
    assert (browser.evaluate(is_open), browser.evaluate(is_shown)) == (True, True)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_as_wide_as_the_screen_whatever_the_names(
    browser: Chromium, pages: dict[str, Path], width: int
) -> None:
    browser.set_view(width, 900)
    browser.open(pages["store"])
    browser.evaluate(_OPEN_ALL)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_is_dark_where_the_reader_wants_it_dark(browser: Chromium, pages: dict[str, Path]) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    browser.set_view(1280, 900, "light")
    browser.open(pages["store"])
    assert browser.evaluate(paper) == "rgb(255, 255, 255)"
    browser.set_view(1280, 900, "dark")
    assert browser.evaluate(paper) == "rgb(18, 22, 29)"


def test_even_what_got_through_would_not_run(browser: Chromium, pages: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(pages["store"].read_text("utf-8").replace("<h1>", f"{_HOSTILE}<h1>"), "utf-8")
    browser.open(broken)
    refused = [event["params"]["entry"]["text"] for event in browser.said("Log.entryAdded")]
    assert len(refused) >= 4
    assert all("Content Security Policy" in text for text in refused), refused
    assert browser.said("Page.javascriptDialogOpening") == []
    asked = {event["params"]["requestId"] for event in browser.said("Network.requestWillBeSent")[1:]}
    failed = {event["params"]["requestId"]: event["params"] for event in browser.said("Network.loadingFailed")}
    outside = [failed[one] for one in asked if one in failed]
    assert [one["blockedReason"] for one in outside] == ["csp"]
    assert browser.evaluate("getComputedStyle(document.querySelector('p')).color") != "rgb(255, 0, 0)"


def test_the_browser_would_tell_of_what_runs(browser: Chromium, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><title>x</title>{_HOSTILE}<p>text", "utf-8")
    browser.open(page)
    dialogs = [event["params"]["message"] for event in browser.said("Page.javascriptDialogOpening")]
    assert sorted(dialogs) == ["1", "2"]
    assert "http://127.0.0.1:9/x.png" in trouble(browser)
    assert browser.evaluate("getComputedStyle(document.querySelector('p')).color") == "rgb(255, 0, 0)"
