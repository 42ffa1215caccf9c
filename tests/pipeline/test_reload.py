"""Rules that change while events are classified: the next batch is judged by the new ones, if nothing is wrong."""

import gc
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.command import query, start_tocsin
from tests.rules.writing import rule_text

from tocsin.bus.embedded import ConsumerSettings
from tocsin.config import Config, load_config
from tocsin.event import CLASSIFIED_EVENTS, EVENT_AT_HEADER, RAW_EVENTS, Record
from tocsin.flow import Batch
from tocsin.locks import FileLock
from tocsin.pipeline.classify import reloader_of
from tocsin.pipeline.news import News
from tocsin.pipeline.reload import fingerprint_of
from tocsin.pipeline.rules import cache_of
from tocsin.pipeline.topology import CLASSIFY_GROUP, open_bus
from tocsin.pipeline.warm import warm_cache
from tocsin.telemetry.meter import StageMeter

_FIRST, _SECOND = (f"00000000-0000-4000-8000-00000000000{digit}" for digit in (1, 2))
_OBJECTS_OF_A_SET = 1000  # of a hundred regular expressions
_BROKEN = rule_text("CommandLine|containz: x", title="Broken")


def _rule(value: str, title: str = "A rule") -> str:
    return rule_text(f"CommandLine|contains: {value}", title=title)


def _event(command_line: str) -> bytes:
    return json.dumps(
        {
            "EventID": 1,
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "SourceName": "Microsoft-Windows-Sysmon",
            "Hostname": "ws1",
            "CommandLine": command_line,
        }
    ).encode()


def _verdict(record: Record) -> dict[str, Any]:
    head = record.value[: int(record.header(EVENT_AT_HEADER) or 0)]
    verdict: dict[str, Any] = json.loads(head + b"null}")["tocsin"]["verdict"]
    return verdict


class _Stage:
    """The classify stage on a bus of its own, batch by batch; nothing looks at its files but the test."""

    def __init__(self, config: Config, warm: Callable[[], None] = lambda: None) -> None:
        self._bus = open_bus(config)
        self.meter = StageMeter(config.figures_folder, "classify")
        self.reloader = reloader_of(config, self._bus.id, self.meter, warm=lambda config, stop: warm())
        self._consumer = self._bus.consumer(CLASSIFY_GROUP, [RAW_EVENTS], ConsumerSettings(0, 1))

    @property
    def notes(self) -> list[str]:
        return self.meter.figures.notes

    def look(self, times: int = 2) -> None:
        """Look at the files; what changed is loaded at the second look."""
        for _ in range(times):
            self.reloader.look()

    def judged(self, *command_lines: str) -> tuple[list[list[str]], str]:
        """Send events over the bus; return titles of the rules that each fires, and the one digest of all."""
        self._bus.committer(owner="test").commit(
            {RAW_EVENTS: [Record(_event(line), key=b"one") for line in command_lines]}, Batch()
        )
        batch = self._consumer.read()
        assert batch is not None
        outputs = self.reloader(batch)
        self._bus.committer(group=CLASSIFY_GROUP).commit(outputs, batch)
        verdicts = [_verdict(record) for record in outputs[CLASSIFIED_EVENTS]]
        (digest,) = {verdict["rules_digest"] for verdict in verdicts}
        return [[rule["title"] for rule in verdict["matches"]] for verdict in verdicts], digest

    def close(self) -> None:
        self.reloader.close()
        self._consumer.close()
        self._bus.close()


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder with one rule in it, which finds `old`."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "rule.yml").write_text(_rule("old"))
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def _config(folder: Path, **settings: list[str]) -> Config:
    given: dict[str, str | list[str] | None] = {"data": str(folder / "data"), "classify.builtin": "false"}
    given["classify.rules"] = [str(folder / "rules")]
    return load_config({**given, **{f"classify.{key}": paths for key, paths in settings.items()}}, {})


@pytest.fixture
def stage(tmp_path: Path, rules: Path) -> Iterator[_Stage]:
    stage = _Stage(_config(tmp_path))
    yield stage
    stage.close()


def test_after_a_change_the_next_batch_is_judged_by_the_new_rules_and_says_so(stage: _Stage, rules: Path) -> None:
    found, before = stage.judged("old", "new")
    assert found == [["A rule"], []]
    (rules / "rule.yml").write_text(_rule("new", "Another rule"))
    stage.look()
    found, after = stage.judged("old", "new")
    assert (found, after != before) == ([[], ["Another rule"]], True)
    assert stage.notes == [f"rules: loaded anew after a change of their files (change 1): 1 rules, digest {after}"]


def test_files_that_still_change_are_left_alone(stage: _Stage, rules: Path) -> None:
    _, before = stage.judged("old")
    for text in ("title: half", _BROKEN, _rule("new")):
        (rules / "rule.yml").write_text(text)
        stage.look(times=1)
        assert (stage.judged("old"), stage.notes) == (([["A rule"]], before), [])
    stage.look(times=1)
    assert stage.judged("new")[0] == [["A rule"]]


def test_with_a_broken_rule_the_set_before_stays_whole_until_it_is_mended(stage: _Stage, rules: Path) -> None:
    _, before = stage.judged("old")
    (rules / "rule.yml").write_text(_BROKEN)
    (rules / "second.yml").write_text(_rule("new", "Second"))
    stage.look()
    assert stage.judged("old", "new") == ([["A rule"], []], before)
    (note,) = stage.notes
    assert f"the set before stays in force (digest {before})" in note
    assert f"{rules / 'rule.yml'}:6: unknown modifier 'containz'" in note
    (rules / "rule.yml").write_text(_rule("old", "Mended"))
    stage.look()
    found, after = stage.judged("old", "new")
    assert (found, after != before) == ([["Mended"], ["Second"]], True)
    assert "loaded anew" in stage.notes[0]


def test_a_rule_that_was_broken_at_the_start_hinders_no_change_wherever_its_line_goes(
    tmp_path: Path, rules: Path
) -> None:
    (rules / "broken.yml").write_text(_BROKEN)
    stage = _Stage(_config(tmp_path))
    assert [note.startswith(str(rules / "broken.yml")) for note in stage.notes] == [True]
    (rules / "broken.yml").write_text("# a comment\n" + _BROKEN)
    (rules / "rule.yml").write_text(_rule("new"))
    stage.look()
    assert stage.judged("new")[0] == [["A rule"]]
    assert ["loaded anew" in stage.notes[0], f"{rules / 'broken.yml'}:7" in stage.notes[1]] == [True, True]
    stage.close()


def test_when_the_folder_goes_or_has_no_rule_left_the_set_before_stays(stage: _Stage, rules: Path) -> None:
    shutil.move(rules, rules.with_name("away"))
    stage.look()
    assert stage.judged("old")[0] == [["A rule"]]
    assert f"there is no file or folder `{rules}`" in stage.notes[0]
    rules.mkdir()
    stage.look()
    assert stage.judged("old")[0] == [["A rule"]]
    assert f"there is no Sigma rule in `{rules}`" in stage.notes[0]


def test_a_batch_is_judged_by_one_set_even_if_another_is_loaded_meanwhile(stage: _Stage, rules: Path) -> None:
    class Records(list[Record]):
        """Records that meet a change of the rules half-way."""

        def __getitem__(self, part: Any) -> Any:
            if part.start:
                (rules / "rule.yml").write_text(_rule("old", "Another rule"))
                stage.look()
            return super().__getitem__(part)

    records = Records(Record(_event("old"), topic=RAW_EVENTS, offset=number) for number in range(64))
    first, second = (stage.reloader(Batch(batch))[CLASSIFIED_EVENTS] for batch in (records, list(records)))
    titles = [{rule["title"] for record in batch for rule in _verdict(record)["matches"]} for batch in (first, second)]
    assert titles == [{"A rule"}, {"Another rule"}]
    digests = [{_verdict(record)["rules_digest"] for record in batch} for batch in (first, second)]
    assert [len(digests[0]), len(digests[1]), digests[0] == digests[1]] == [1, 1, False]


def test_what_changes_while_it_is_read_is_read_again(tmp_path: Path, rules: Path) -> None:
    texts = [_rule("new")]

    def change() -> None:
        if texts:
            (rules / "rule.yml").write_text(texts.pop())

    stage = _Stage(_config(tmp_path), warm=change)
    (rules / "rule.yml").write_text(_rule("half-way"))
    stage.look()
    assert (stage.judged("half-way", "old")[0], stage.notes) == ([[], ["A rule"]], [])
    stage.look()
    assert stage.judged("new")[0] == [["A rule"]]
    stage.close()


def test_what_hinders_loading_is_said_once_and_the_set_before_stays_until_it_has_passed(
    tmp_path: Path, rules: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [OSError("no process can be started")] * 3

    def warm() -> None:
        if failures:
            raise failures.pop()

    stage = _Stage(_config(tmp_path), warm=warm)
    (rules / "rule.yml").write_text(_rule("new"))
    stage.look(times=3)
    assert stage.judged("old")[0] == [["A rule"]]
    assert "rules: OSError: no process can be started" in stage.notes[0]
    assert len(caplog.records) == 1
    stage.look(times=2)
    assert stage.judged("new")[0] == [["A rule"]]
    assert "loaded anew" in stage.notes[0]
    stage.close()


def test_what_cannot_pass_by_itself_is_tried_once(tmp_path: Path, rules: Path) -> None:
    tries = []

    def warm() -> None:
        tries.append(1)
        raise ValueError("a mistake of ours")

    stage = _Stage(_config(tmp_path), warm=warm)
    (rules / "rule.yml").write_text(_rule("new"))
    stage.look(times=5)
    assert (stage.judged("old")[0], len(tries)) == ([["A rule"]], 1)
    assert "ValueError: a mistake of ours" in stage.notes[0]
    stage.close()


def test_values_of_placeholders_and_formats_are_loaded_anew_too(tmp_path: Path, rules: Path) -> None:
    variables, formats = tmp_path / "variables.yml", tmp_path / "formats.yml"
    (rules / "rule.yml").write_text(rule_text("CommandLine|expand: '%names%'"))
    variables.write_text("names: old")
    formats.write_text("[{when: {ours: null}, logsource: {product: linux}}]")
    stage = _Stage(_config(tmp_path, variables=[str(variables)], formats=[str(formats)]))
    _, before = stage.judged("old")
    variables.write_text("names: new")
    stage.look()
    found, after = stage.judged("new", "old")
    assert (found, after != before) == ([["A rule"], []], True)
    formats.write_text("[{when: 7}]")
    stage.look()
    assert f"formats: `{formats}`, entry 1" in stage.notes[0]
    assert stage.judged("new")[0] == [["A rule"]]
    stage.close()


def test_tuning_is_loaded_anew_too_and_what_is_wrong_with_it_keeps_the_set_before(tmp_path: Path, rules: Path) -> None:
    tuning = tmp_path / "rules.yml"
    (rules / "rule.yml").write_text(rule_text("CommandLine|contains: old", id=_FIRST))
    tuning.write_text(f"{_FIRST}: {{level: low}}")
    stage = _Stage(_config(tmp_path, tuning=[str(tuning)]))
    assert stage.judged("old", "old service")[0] == [["A rule"], ["A rule"]]
    tuning.write_text(f"{_FIRST}: {{except: {{CommandLine|contains: service}}}}")
    stage.look()
    found, before = stage.judged("old", "old service")
    assert found == [["A rule"], []]
    tuning.write_text(f"{_FIRST}: {{level: worst}}")
    stage.look()
    assert stage.judged("old service") == ([[]], before)
    assert f"rules.yml:1: of '{_FIRST}': level 'worst'" in stage.notes[0]
    stage.close()


def test_sets_before_leave_nothing_behind(stage: _Stage, rules: Path) -> None:
    gc.freeze()  # as the pump does
    kept = []
    for number in range(4):
        selections = {f"s{part}": {f"Field{part}|re": f"a{number}.*b"} for part in range(100)}
        (rules / "rule.yml").write_text(rule_text({**selections, "condition": "all of s*"}))
        stage.look()
        stage.judged("old")
        kept.append(gc.get_freeze_count())
    assert kept[-1] - kept[0] < _OBJECTS_OF_A_SET, kept
    gc.unfreeze()


def test_a_fingerprint_tells_a_file_written_replaced_added_or_gone_and_nothing_else(tmp_path: Path) -> None:
    folder, file = tmp_path / "rules", tmp_path / "variables.yml"
    (folder / "sub").mkdir(parents=True)
    rule = folder / "sub" / "a.yml"
    rule.write_text("one")
    seen = [fingerprint_of([folder, tmp_path / "absent"], [file])]

    def is_new() -> bool:
        seen.append(fingerprint_of([folder, tmp_path / "absent"], [file]))
        return seen[-1] not in seen[:-1]

    assert not is_new()
    (folder / "notes.txt").write_text("no rule")
    assert not is_new()
    rule.write_text("two")
    assert is_new()
    shutil.copy2(rule, rule.with_suffix(".new"))
    rule.with_suffix(".new").replace(rule)
    assert is_new(), "the same size and time of change, another file"
    file.write_text("a: b")
    assert is_new()
    rule.unlink()
    assert is_new()


def test_the_cache_is_filled_by_a_process_of_its_own(tmp_path: Path, rules: Path) -> None:
    config = _config(tmp_path)
    warm_cache(config, threading.Event())
    assert [path.name.partition("-")[0] for path in cache_of(config).glob("*.bin")] == ["rules"]


def test_stages_share_the_cache_of_their_user_and_have_their_own_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, another = _config(tmp_path / "one"), _config(tmp_path / "another")
    assert cache_of(one) == cache_of(another) == tmp_path / "cache" / "tocsin"
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert [cache_of(one), cache_of(another)] == [one.data / "cache", another.data / "cache"]


def test_several_processes_fill_the_same_cache_one_after_the_other(tmp_path: Path, rules: Path) -> None:
    config = _config(tmp_path)
    cache = cache_of(config)
    turn = FileLock(cache / "filling.lock")
    assert turn.try_acquire()
    waiting = threading.Thread(target=warm_cache, args=(config, threading.Event()))
    waiting.start()
    waiting.join(2)  # it takes a third of that where nobody is before it
    assert (waiting.is_alive(), list(cache.glob("*.bin"))) == (True, [])
    turn.release()
    waiting.join()
    assert len(list(cache.glob("rules-*.bin"))) == 1


def test_a_stop_ends_the_process_that_fills_the_cache(tmp_path: Path, rules: Path) -> None:
    config, stop = _config(tmp_path), threading.Event()
    stop.set()
    warm_cache(config, stop)
    assert list(cache_of(config).glob("*.bin")) == []


def test_what_the_stage_newly_notes_is_told_once_whatever_the_workers(tmp_path: Path) -> None:
    meters = [StageMeter(tmp_path, "classify", worker) for worker in (0, 1)]
    news, told = News(tmp_path), []
    wrong = "a.yml:1: is wrong"
    for notes in ([wrong], ["changed", wrong], ["changed"], ["changed again", wrong], ["changed again", wrong]):
        for meter in meters:
            meter.figures.notes = notes
            meter.write()
        told.append(news.look())
    assert told == [[], ["changed"], [], ["changed again", wrong], []]


@pytest.mark.slow
def test_a_run_that_follows_its_logs_takes_up_changed_rules_and_says_what_is_wrong_with_broken_ones(
    tmp_path: Path, rules: Path
) -> None:
    log, output = tmp_path / "log.jsonl", tmp_path / "output.txt"
    log.write_bytes(b"")
    command = ("run", "--input", log, "--follow", "--data", "data", "--rules", "rules", "--no-builtin")
    (rules / "rule.yml").write_text(rule_text("CommandLine|contains: old", id=_FIRST))
    run = start_tocsin(*command, cwd=tmp_path)

    def judged(command_line: str, ids: list[str]) -> None:
        """Add events until the last one stored fires these rules."""
        for number in range(300):
            with log.open("ab") as file:
                file.write(_event(f"{command_line} {number}") + b"\n")
            time.sleep(0.4)
            if run.poll() is None and (tmp_path / "data" / "store" / "manifest.sqlite").exists():
                sql = 'SELECT rules FROM events ORDER BY "offset" DESC LIMIT 1'
                if [row["rules"] for row in query(tmp_path / "data", sql)] == [ids]:
                    return
        pytest.fail(output.read_text())

    def said(text: str) -> None:
        for _ in range(300):
            if text in output.read_text():
                return
            time.sleep(0.2)
        pytest.fail(output.read_text())

    try:
        judged("old new", [_FIRST])
        (rules / "rule.yml").write_text(_BROKEN)
        said("rule.yml:6: unknown modifier 'containz'")
        judged("old new", [_FIRST])
        (rules / "rule.yml").write_text(rule_text("CommandLine|contains: new", id=_SECOND))
        said("loaded anew after a change of their files (change 1)")
        judged("old new", [_SECOND])
    finally:
        run.terminate()
        run.wait(60)
    assert "loaded anew" in output.read_text().partition("Notes")[2]
    rows = query(tmp_path / "data", "SELECT DISTINCT rules_digest, rules FROM events")
    assert len(rows) == 2, "each digest stands for one verdict"
