"""Rules are tuned from a file beside them: level, on or off, exceptions."""

import json
from pathlib import Path

import pytest

from tests.command import tocsin
from tests.rules.writing import ATTACK, event_of, rule_text
from tocsin.pipeline.rules import load_rule_set
from tocsin.rules.atom import TextAtom
from tocsin.rules.preparation import Preparation
from tocsin.rules.tree import atoms_of

AS_WRITTEN = [("First", "high"), ("Second", "medium"), ("First", "high")]
FIRST, SECOND = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "first.yml").write_text(rule_text("Image|endswith: '.exe'", title="First", id=FIRST, level="high"))
    (folder / "second.yml").write_text(rule_text("User: ann", title="Second", id=SECOND, name="the_second"))
    return folder


def fired(rules: Path, *tunings: str) -> tuple[list[tuple[str, str]], list[str], str]:
    """Return titles and levels of what fires on events of two users, the errors, and the digest of the set."""
    files = []
    for number, text in enumerate(tunings):
        files.append(rules.parent / f"{number}.yml")
        files[-1].write_text(text)
    rule_set = load_rule_set(ATTACK, [rules], builtin=False, preparation=Preparation({}, (), tuple(files)))
    events = [event_of({"Image": "a.exe", "User": user}) for user in ("ann", "svc_backup")]
    found = [(rule.title, rule.level) for event in events for rule in rule_set.matcher.match(event)]
    errors = [str(error).removeprefix(f"{rules.parent}/") for error in rule_set.errors]
    return found, errors, rule_set.digest


@pytest.mark.parametrize(
    ("tuning", "expected"),
    [
        (f"{FIRST}: {{level: low}}", [("First", "low"), ("Second", "medium"), ("First", "low")]),
        (f"{FIRST}: {{enabled: false}}", [("Second", "medium")]),
        ("the_second: {enabled: false}", [("First", "high"), ("First", "high")]),
        (f"{FIRST}: {{except: {{User|startswith: svc_}}}}", [("First", "high"), ("Second", "medium")]),
        (f"{FIRST}: {{except: [{{User: ann}}, {{User: svc_backup}}], level: low}}", [("Second", "medium")]),
        (f"{FIRST}: {{except: {{User: svc_backup, Image: b.exe}}}}", AS_WRITTEN),
        ("# nothing\n", AS_WRITTEN),
    ],
)  # fmt: skip
def test_a_rule_is_tuned_by_its_id_or_name(rules: Path, tuning: str, expected: list[tuple[str, str]]) -> None:
    found, errors, digest = fired(rules, tuning)
    assert (found, errors) == (expected, [])
    assert (digest == fired(rules)[2]) == tuning.startswith("#"), "verdicts say by which rules they were given"


def test_all_that_is_wrong_with_an_entry_is_reported(rules: Path) -> None:
    _, of_unknown, _ = fired(rules, "absent: {levl: low}")
    assert [error.partition("; ")[0] for error in of_unknown] == [
        "0.yml:1: there is no rule 'absent' here: give its id",
        "0.yml:1: of 'absent': 'levl' is none of level, enabled, except",
    ]
    _, of_values, _ = fired(rules, f"{FIRST}: {{level: worst, except: {{User|containz: x}}}}")
    assert [error.split(":")[-1].split()[0] for error in of_values] == ["level", "Unknown"]


def test_where_a_title_is_given_its_id_is_suggested(rules: Path) -> None:
    (error,) = fired(rules, "First: {level: low}")[1]
    assert error == f"0.yml:1: there is no rule 'First' here: that is a title: give the id {FIRST}"


def test_problems_of_tuning_are_told_apart_from_rules_left_out(rules: Path) -> None:
    (rules / "bad.yml").write_text(rule_text("User|containz: ann", title="Bad"))
    (rules.parent / "t.yml").write_text("absent: {level: low}")
    done = tocsin("rules", "list", "rules", "--tuning", "t.yml", cwd=rules.parent)
    assert "2 rules, 1 left out; 1 problem of tuning" in done.stdout
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["rule left out", "tuning not applied"]


@pytest.mark.parametrize(
    ("tuning", "code", "said"),
    [
        (f"{FIRST}: {{level: low}}\n6e93500b-5569-4062-ba6a-500b5c30caf9: {{enabled: false}}", 0, ": 0 problems"),
        ("absent: {level: low}", 1, ": 1 problem\n"),
    ],
)
def test_a_file_of_tuning_is_checked_with_an_exit_code(rules: Path, tuning: str, code: int, said: str) -> None:
    (rules.parent / "t.yml").write_text(tuning)
    done = tocsin("rules", "check", "rules", "--tuning", "t.yml", cwd=rules.parent)
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout + done.stderr
    assert ("t.yml:1: there is no rule 'absent' here" in done.stderr) == bool(code)


def test_the_example_of_the_docs_tunes_the_built_in_pack(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "tuning-rules.md").read_text()
    (tmp_path / "rules.yml").write_text(text.split("```yaml\n")[1].split("```")[0])
    rule_set = load_rule_set(ATTACK, [], builtin=True, preparation=Preparation({}, (), (tmp_path / "rules.yml",)))
    levels = {rule.id: rule.level for rule in rule_set.rules}
    assert (rule_set.errors, levels["6e1463c9-658e-45bf-804e-bf2ba0b64e06"]) == ([], "high")
    assert "b42615c4-ca6e-4696-b3e5-b9b3c339a898" not in levels
    assert len(rule_set.filters) == 1


def test_the_last_file_counts_and_exceptions_add_up(rules: Path) -> None:
    first = f"{FIRST}: {{level: low, except: {{User: ann}}}}\nthe_second: {{enabled: false}}"
    second = f"{FIRST}: {{level: critical, except: {{User: bob}}}}\n{SECOND}: {{enabled: true}}"
    assert fired(rules, first, second)[:2] == ([("Second", "medium"), ("First", "critical")], [])


@pytest.mark.parametrize(
    ("tuning", "error"),
    [
        ("absent: {level: low}", "0.yml:1: there is no rule 'absent' here"),
        (f"\n{FIRST}: {{level: worst}}", f"0.yml:2: of '{FIRST}': level 'worst' is none of"),
        (f"{FIRST}: {{enabled: 'no'}}", f"0.yml:1: of '{FIRST}': 'enabled' must be"),
        (
            f"{FIRST}: {{levl: low, level: worst}}",
            f"0.yml:1: of '{FIRST}': 'levl' is none of level, enabled, except; level",
        ),
        ("absent: {levl: low}", "0.yml:1: there is no rule 'absent' here"),
        (f"{FIRST}: low", "0.yml:1: '11111111-1111-4111-8111-111111111111' needs one or more of"),
        (f"{FIRST}: {{except: {{User|containz: x}}}}", "0.yml:1: Unknown modifier 'containz'"),
        ("- a", "0.yml:1: must be a map"),
        ("a: [", "0.yml:2: is not valid YAML"),
    ],
)
def test_what_cannot_be_meant_is_reported_and_the_rule_stays_as_it_was(rules: Path, tuning: str, error: str) -> None:
    found, errors, _ = fired(rules, tuning)
    assert errors[0].startswith(error)
    assert found == AS_WRITTEN


def test_the_built_in_pack_is_tuned_too_and_exceptions_are_explained(tmp_path: Path, rules: Path) -> None:
    (tmp_path / "rules.yml").write_text(f"{FIRST}: {{level: critical, except: {{User: svc_backup}}}}")
    event = {"EventID": 1, "Channel": "Security", "Image": "a.exe", "User": "svc_backup"}
    (tmp_path / "events.jsonl").write_text(json.dumps(event))
    arguments = ("--rules", "rules", "--tuning", "rules.yml")
    done = tocsin("rules", "explain", "First", *arguments, "--event", "events.jsonl:1", cwd=tmp_path)
    assert (done.returncode, "- filter: exception in rules.yml (rules.yml:1)" in done.stdout) == (1, True), done.stdout
    done = tocsin("rules", "list", "rules", "--tuning", "rules.yml", cwd=tmp_path)
    assert "critical" in done.stdout
    pack = load_rule_set(ATTACK, [], builtin=True).rules
    noisy = next(rule for rule in pack if rule.level == "high")
    (tmp_path / "rules.yml").write_text(f"{noisy.id}: {{enabled: false}}")
    tuned = load_rule_set(ATTACK, [], builtin=True, preparation=Preparation({}, (), (tmp_path / "rules.yml",)))
    assert {rule.id for rule in pack} - {rule.id for rule in tuned.rules} == {noisy.id}


def test_exceptions_are_prepared_as_their_rules_are(rules: Path) -> None:
    pipeline = "transformations: [{id: a, type: field_name_mapping, mapping: {their_user: User}}]"
    tuning = rules.parent / "rules.yml"
    pack = load_rule_set(ATTACK, [], builtin=True)
    built_in = next(rule for rule in pack.rules if not rule.is_baseline)
    tuning.write_text(f"{FIRST}: {{except: {{their_user: ann}}}}\n{built_in.id}: {{except: {{their_user: ann}}}}")
    preparation = Preparation({}, (("p.yml", pipeline),), (tuning,))
    rule_set = load_rule_set(ATTACK, [rules], builtin=True, preparation=preparation)
    fields = {
        rule.id: {atom.field for atom in atoms_of(rule.condition) if isinstance(atom, TextAtom)}
        for rule in rule_set.rules
    }
    assert ("their_user" in fields[built_in.id], "their_user" in fields[FIRST]) == (True, False)
    assert [rule.title for rule in rule_set.matcher.match(event_of({"Image": "a.exe", "User": "ann"}))] == ["Second"]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, rules: Path) -> None:
    done = tocsin("scan", ".", "--rules", "rules", "--tuning", "absent.yml", cwd=tmp_path)
    assert (done.returncode, "tuning: there is no file `absent.yml`" in done.stderr) == (2, True)
