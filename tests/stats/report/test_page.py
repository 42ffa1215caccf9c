"""A page says what was found, what it leaves out, and asks nobody for anything."""

import re

from tests.stats.report.hostile import Tags
from tests.stats.report.reported import alert, page_of
from tocsin.stats.report.findings import Limits, Line, Mark, Selection, Simulated, Step, Why
from tocsin.stats.statistics import Filters


def test_a_page_has_limits_and_says_what_it_left_out() -> None:
    alerts = [
        *(alert(f"08:0{number}", "low", host=f"h{number}", title="Low", level="low") for number in range(5)),
        *(alert(f"08:0{number}", "high", host=f"h{number}", title="High", level="high") for number in range(5)),
    ]
    limits = Limits(rows=6, rows_per_rule=4, hosts=3, rules=1, bursts=2, notes=2)
    page = page_of(alerts, limits, ["one", "two", "three"])
    listed = page[page.index("Alerts, by host</h2>") :]
    assert (listed.count('class="alert"'), listed.count("<bdi>High<"), listed.count("<bdi>Low<")) == (6, 4, 2)
    assert "6 are listed, 4 more are not: the first 4 of each rule, of these at most 6 or" in page
    assert "And 2 more hosts." in page
    assert "And 1 more rules." in page
    assert "3 more, less grave, are not in this list." in page
    assert "two</li>\n<li>and 1 more notes, on standard error</li>" in page


def test_a_page_stays_small_enough_for_a_browser_whatever_the_events() -> None:
    alerts = [alert(f"08:0{number}", event="x" * 1001) for number in range(5)]
    page = page_of(alerts, Limits(page_bytes=3000, event_bytes=1000))
    assert (page.count('class="alert"'), page.count("\n… cut at 1,000 bytes")) == (3, 3)
    assert "3 are listed, 2 more are not" in page
    assert page.count("the event is too long to be looked at here") == 3


def test_no_script_may_run_and_nothing_is_loaded_but_pictures_of_the_page_itself() -> None:
    page = page_of([alert("08:00")])
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives == {
        "default-src": "'none'",
        "style-src": directives["style-src"],
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
    }
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", directives["style-src"])
    assert "http" not in page.replace("http-equiv", "")
    assert not any("style" in attributes for _, attributes in Tags(page).tags)


def test_an_alert_says_why_its_rule_fired_with_what_is_plainly_there_first() -> None:
    long = "y" * 3000 + "Mimikatz" + "z" * 3000
    contains = Line("A|contains", ("x1", "x2", "x3", "mimikatz"), (long,))
    lines = (contains, Line("B", ("null",), None), Line("", ("k",), None))
    page = page_of([alert("08:00")], explain=lambda _rule, _event: Why("all of them", (Selection("words", lines),)))
    why = Tags(page[page.index("Why it matched") :]).text
    assert "Condition: all of them" in why
    assert "mimikatz | x1 | x2 | and 1 more" in why
    assert re.search("…y{133}Mimikatzz{259}…", why)
    assert "B(missing)null" in why
    assert "(any field)k" in why


def test_what_is_not_known_is_said() -> None:
    page = page_of([alert("08:00")], explain=lambda _rule, _event: Why(note="it has <gone>"))
    assert "Not known: it has &lt;gone&gt;." in page


def test_an_alert_without_its_event_says_so() -> None:
    page = page_of([alert("08:00", event=None), alert("08:01")])
    assert (page.count("Its event was not kept for this page."), page.count("<h4>Event</h4>")) == (1, 1)


def test_simulated_attacks_are_marked_where_their_events_are_and_listed() -> None:
    attack = alert("08:00", level="high")
    mark = Mark("phish", 3, "Opens <a> macro", "T1059")
    steps = (
        Step("phish", 3, "Opens <a> macro", "T1059", "detected", True),
        Step("phish", 4, "x", "T1", "missed", False),
    )
    page = page_of([attack, alert("14:00", "b")], simulated=Simulated({attack["event_id"]: mark}, steps))
    assert page.count("simulated: phish<") == 1
    assert page.count("simulated: phish, step 3<") == 1
    assert "1 of 2 steps raised an alert." in page
    assert "Simulated attacks</h2>" in page
    of_level = page_of([attack], simulated=Simulated({}, steps), filters=Filters(min_level="high"))
    assert "1 of 2 steps raised an alert of any level, not only of high or above." in of_level
    assert "Simulated attacks</h2>" not in page_of([alert("08:00")])


def test_a_page_without_alerts_says_so_much() -> None:
    page = page_of([], notes=["nothing <found>"])
    assert "<b>0</b>alerts" in page
    assert "nothing &lt;found&gt;" in page
    assert "No alerts were found." in page
    assert "<h2>" not in page


def test_an_event_is_indented_and_numbers_stay_as_they_came() -> None:
    page = page_of([alert("08:00", event='{"a":1.10,"a":12345678901234567890,"b":"<i>"}')])
    assert '{\n  "a": 1.10,\n  "a": 12345678901234567890,\n  "b": "&lt;i&gt;"\n}' in page
