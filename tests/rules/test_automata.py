"""Automata come from the disk where they were made before, and from nothing that cannot be trusted."""

from pathlib import Path

import pytest

from tests.rules.writing import event_of, loaded, rule_text
from tocsin.rules import automata as module
from tocsin.rules.automata import Automata
from tocsin.rules.automaton import expression_of
from tocsin.rules.match import Matcher
from tocsin.rules.patterns import Kind, Pattern

WORDS = {number: expression_of(Pattern(Kind.CONTAINS, f"word{number}")) for number in range(10)}


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by the number of expressions whenever an automaton is compiled."""
    sizes: list[int] = []
    compile_ = module._compiled

    def counted(expressions: dict[int, tuple[bytes, int]]) -> object:
        sizes.append(len(expressions))
        return compile_(expressions)

    monkeypatch.setattr(module, "_compiled", counted)
    return sizes


def made(folder: Path | None, name: str = "rules") -> Automata:
    automata = Automata(folder, name)
    assert automata.of(WORDS).find(b"a word7 and word3") == [7, 3]
    automata.save()
    return automata


def test_the_second_start_compiles_nothing_and_finds_the_same(tmp_path: Path, compiled: list[int]) -> None:
    made(tmp_path / "cache")
    assert compiled.count(10) == 1
    made(tmp_path / "cache")
    assert compiled.count(10) == 1
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:200] + b"?" + content[201:],
        lambda content: content.replace(b"automata 1", b"automata 2", 1),
    ],
    ids=["empty", "torn", "changed", "another version"],
)
def test_a_damaged_file_is_made_anew(tmp_path: Path, compiled: list[int], damage: "object") -> None:
    made(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    made(tmp_path)
    made(tmp_path)
    assert compiled.count(10) == 2


def test_an_automaton_of_another_processor_or_version_is_not_used(
    tmp_path: Path, compiled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path)
    monkeypatch.setattr("platform.machine", lambda: "another")
    made(tmp_path)
    assert compiled.count(10) == 2


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path, compiled: list[int]) -> None:
    (tmp_path / "file").write_text("")
    made(tmp_path / "file" / "cache")
    made(None)
    assert compiled.count(10) == 2


def test_only_the_files_used_last_are_kept(tmp_path: Path) -> None:
    for number in range(12):
        made(tmp_path, f"rules-{number}")
    assert len(list(tmp_path.iterdir())) == 8


def test_a_matcher_from_the_disk_matches_what_a_new_one_does(tmp_path: Path) -> None:
    words = [f"Evil{number}" for number in range(20)]
    rules, errors = loaded(rule_text({"s": {"A|contains": words}, "t": {"A|re": "x+y"}, "condition": "s or t"}))
    assert errors == []
    for _ in range(2):
        matcher = Matcher(rules, cache=tmp_path)
        fired = [bool(matcher.match(event_of({"A": text}))) for text in ("an evil13 one", "XXY", "xxy", "good")]
        assert fired == [True, False, True, False]
