"""Rules come from the disk as they were parsed before, as long as nothing has changed."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.rules.writing import ATTACK, event_of, rule_text
from tocsin.rules import load as load_module
from tocsin.rules import parsed as parsed_module
from tocsin.rules.load import load_rules
from tocsin.rules.match import Matcher
from tocsin.rules.parsed import load_pack_kept
from tocsin.rules.preparation import UNPREPARED, Preparation

ID = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rules = tmp_path / "rules"
    rules.mkdir()
    selection = {"s": {"A|contains": ["x*y", "z"], "B": None, "C|lt": 5}, "k": ["word"], "condition": "s or k"}
    (rules / "good.yml").write_text(rule_text(selection, id=ID, tags=["attack.execution"]))
    (rules / "bad.yml").write_text(rule_text("A|containz: x"))
    return rules


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that grows by the paths whenever rules are parsed."""
    calls: list[object] = []
    load = load_module.load_pack

    def counted(paths: list[Path], *others: object) -> object:
        calls.append(paths)
        return load(paths, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(load_module, "load_pack", counted)
    return calls


def test_the_second_start_parses_nothing_and_has_the_same_rules_and_errors(
    folder: Path, tmp_path: Path, parsed: list[object]
) -> None:
    expected_rules, expected_errors = load_rules([folder], ATTACK)
    parsed.clear()
    for _ in range(2):
        rules, _, errors = load_pack_kept([folder], ATTACK, False, UNPREPARED, tmp_path / "cache")
        assert [vars(rule) for rule in rules] == [vars(rule) for rule in expected_rules]
        assert [str(error) for error in errors] == [str(error) for error in expected_errors] != []
    assert len(parsed) == 1
    fields: list[dict[str, Any]] = [
        {"A": "1x-y2", "C": 3}, {"A": "1x-y2", "C": 7}, {"A": "z", "B": "", "C": 3}, {"D": "a word"}
    ]  # fmt: skip
    assert [bool(Matcher(rules).match(event_of(one))) for one in fields] == [True, False, False, True]


def test_rules_that_change_while_they_are_loaded_are_not_kept_under_the_name_of_what_was_there_before(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, load = folder / "good.yml", load_module.load_pack

    def changed_before(paths: list[Path], *others: object) -> object:
        good.write_text(rule_text("A: meanwhile", id=ID))
        return load(paths, *others)  # type: ignore[arg-type]

    text, cache = good.read_text(), tmp_path / "cache"
    with monkeypatch.context() as context:
        context.setattr(load_module, "load_pack", changed_before)
        load_pack_kept([folder], ATTACK, False, UNPREPARED, cache)
    good.write_text(text)  # put back
    rules = load_pack_kept([folder], ATTACK, False, UNPREPARED, cache).rules
    assert [vars(rule) for rule in rules] == [vars(rule) for rule in load_rules([folder], ATTACK)[0]]


@pytest.mark.parametrize("change", ["content", "new file", "name", "baseline", "damage", "variables", "code"])
def test_whatever_changes_is_parsed_anew(
    folder: Path, tmp_path: Path, parsed: list[object], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    load_pack_kept([folder], ATTACK, False, UNPREPARED, cache)
    match change:
        case "content":
            (folder / "good.yml").write_text(rule_text("A: other", id=ID))
        case "new file":
            (folder / "new.yml").write_text(rule_text("A: new"))
        case "name":
            (folder / "good.yml").rename(folder / "renamed.yml")
        case "damage":
            (file,) = cache.glob("rules-*")
            file.write_bytes(file.read_bytes()[:-1])
        case "code":
            monkeypatch.setattr(parsed_module, "_digest_of_our_code", lambda: "of another reader")
    preparation = Preparation({"name": ("value",)}) if change == "variables" else UNPREPARED
    rules = load_pack_kept([folder], ATTACK, change == "baseline", preparation, cache).rules
    assert len(parsed) == 2
    assert [vars(rule) for rule in rules] == [
        vars(rule) for rule in load_rules([folder], ATTACK, change == "baseline")[0]
    ]


def test_without_a_folder_for_it_rules_are_parsed_each_time(folder: Path, parsed: list[object]) -> None:
    for _ in range(2):
        load_pack_kept([folder], ATTACK, False, UNPREPARED, None)
    assert len(parsed) == 2


def test_files_that_have_not_changed_are_not_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setattr(parsed_module, "_TICK_NS", 0)
    expected = load_pack_kept([folder], ATTACK, False, UNPREPARED, cache)
    monkeypatch.setattr(parsed_module, "_content", unread)
    found = load_pack_kept([folder], ATTACK, False, UNPREPARED, cache)
    assert [vars(rule) for rule in found.rules] == [vars(rule) for rule in expected.rules]
    (folder / "bad.yml").touch()
    with pytest.raises(AssertionError, match="was read"):
        load_pack_kept([folder], ATTACK, False, UNPREPARED, cache)


def unread(file: str) -> bytes:
    raise AssertionError(f"{file} was read")


def test_a_change_that_keeps_size_and_times_is_seen(
    folder: Path, tmp_path: Path, parsed: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsed_module, "_TICK_NS", 0)
    cache, file = tmp_path / "cache", folder / "good.yml"
    before, text = file.stat(), file.read_text()
    load_pack_kept([folder], ATTACK, False, UNPREPARED, cache)
    file.write_text(text.replace("word", "worm"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    load_pack_kept([folder], ATTACK, False, UNPREPARED, cache)
    assert len(parsed) == 2


def test_what_was_written_a_moment_ago_is_read_again(folder: Path, tmp_path: Path) -> None:
    load_pack_kept([folder], ATTACK, False, UNPREPARED, tmp_path / "cache")
    assert list((tmp_path / "cache").glob("states-*")) == []
