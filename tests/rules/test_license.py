"""A rule's licence: said by the rule, or else by the pack it lies in."""

import json
from pathlib import Path

import pytest

from tests.rules.writing import ATTACK, rule_text
from tocsin.rules.license import PackLicenses, is_license_file, license_of_text
from tocsin.rules.load import Rule, load_rules
from tocsin.rules.parsed import load_pack_kept
from tocsin.rules.preparation import UNPREPARED

DRL = "# Licenses\n\nThe rules are released under the [Detection Rule License (DRL)\n1.1](https://example.org)\n"
APACHE = "                                 Apache License\n                           Version 2.0, January 2004\n"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack with one rule in `rules/windows`; what lies above it is another work."""
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "pack"
    (folder / "rules" / "windows").mkdir(parents=True)
    (folder / "rules" / "windows" / "rule.yml").write_text(rule_text("A: x"))
    return folder


def the_rule(folder: Path) -> Rule:
    (rule,) = load_rules([folder / "rules"], ATTACK)[0]
    return rule


def test_a_rule_that_names_its_licence_has_that_one_whatever_its_pack_says(pack: Path) -> None:
    (pack / "LICENSE").write_text(DRL)
    (pack / "rules" / "windows" / "rule.yml").write_text(rule_text("A: x", license="MIT"))
    assert the_rule(pack).license == "MIT"


def test_a_rule_without_one_has_the_licence_of_the_nearest_folder_that_says_one(pack: Path) -> None:
    assert the_rule(pack).license == ""
    (pack / "LICENSE").write_text(DRL)
    assert the_rule(pack).license == "Detection Rule License 1.1"
    (pack / "rules" / "COPYING.txt").write_text(APACHE)
    assert the_rule(pack).license == "Apache-2.0"


def test_a_licence_that_is_not_known_hides_the_one_above_it(pack: Path) -> None:
    (pack / "LICENSE").write_text(DRL)
    (pack / "rules" / "LICENSE").write_text("All rights reserved.")
    assert the_rule(pack).license == ""


def test_what_was_noted_when_a_pack_was_fetched_counts_before_its_licence_file(pack: Path) -> None:
    (pack / "LICENSE").write_text(APACHE)
    (pack / "tocsin-rules.json").write_text(json.dumps({"v": 1, "license": "Detection Rule License 1.1"}))
    assert the_rule(pack).license == "Detection Rule License 1.1"


@pytest.mark.parametrize("note", ["", "{", '{"license": 7}', "[" * 60_000, '{"license": ""}'])
def test_a_damaged_note_is_as_good_as_none(pack: Path, note: str) -> None:
    (pack / "tocsin-rules.json").write_text(note)
    (pack / "LICENSE").write_text(APACHE)
    assert the_rule(pack).license == "Apache-2.0"


def test_the_licence_above_a_repository_is_not_that_of_its_rules(pack: Path) -> None:
    (pack.parent / "LICENSE").write_text(APACHE)
    assert the_rule(pack).license == "Apache-2.0"
    (pack / ".git").write_text("gitdir: elsewhere")
    assert the_rule(pack).license == ""


def test_a_relative_path_finds_what_lies_above_it(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pack / "LICENSE").write_text(DRL)
    monkeypatch.chdir(pack / "rules" / "windows")
    (rule,) = load_rules([Path("rule.yml")], ATTACK)[0]
    assert rule.license == "Detection Rule License 1.1"


def test_the_licence_of_the_pack_is_no_part_of_the_digest_of_a_rule(pack: Path) -> None:
    before = the_rule(pack)
    (pack / "LICENSE").write_text(DRL)
    after = the_rule(pack)
    assert (before.license != after.license, before.digest == after.digest) == (True, True)


def test_rules_kept_on_disk_are_parsed_anew_when_their_pack_has_another_licence(pack: Path, tmp_path: Path) -> None:
    licenses = []
    for text in (DRL, APACHE):
        (pack / "LICENSE").write_text(text)
        rules = load_pack_kept([pack / "rules"], ATTACK, False, UNPREPARED, tmp_path / "cache").rules
        licenses += [rule.license for rule in rules]
    assert licenses == ["Detection Rule License 1.1", "Apache-2.0"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (DRL, "Detection Rule License 1.1"),
        (APACHE, "Apache-2.0"),
        ("Licensed under the Apache License, Version 2.0", "Apache-2.0"),
        ("Permission is hereby granted, free of charge, to any person obtaining a copy\nof this software", "MIT"),
        ("GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007", "GPL-3.0"),
        (DRL + APACHE, ""),
        ("Mine.", ""),
    ],
)  # fmt: skip
def test_a_licence_is_known_by_its_text_and_by_no_more_than_one(text: str, name: str) -> None:
    assert license_of_text(text) == name


def test_licence_files_go_by_the_usual_names() -> None:
    good = ["LICENSE", "LICENCE.txt", "LICENSE.Detection.Rules.md", "copying"]
    assert [name for name in (*good, "license.yml", "LICENSE.exe", "README.md") if is_license_file(name)] == good


def test_the_licence_of_a_folder_that_cannot_be_read_is_that_above_it(pack: Path) -> None:
    (pack / "LICENSE").write_text(DRL)
    assert PackLicenses().of(pack / "not" / "there") == "Detection Rule License 1.1"
