"""The command line, as a person meets it."""

import csv
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.command import query, start_tocsin, tocsin
from tests.rules.writing import rule_text
from tests.windows_events import flat_lines

_COMMANDS = (
    *("run", "produce", "classify", "store", "maintain", "scan", "report"),
    *("stats", "topics", "lag", "dead-letters", "trace", "export-traces", "query", "rules", "config"),
)


@pytest.mark.parametrize("command", _COMMANDS)
def test_the_help_of_every_command_has_examples(tmp_path: Path, command: str) -> None:
    done = tocsin(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"tocsin {command}" in done.stdout.partition("examples:")[2]


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    done = tocsin("--help", cwd=tmp_path, environment={"PYTHONPROFILEIMPORTTIME": "1"})
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "tocsin.cli" in imported
    assert not imported & {"pyarrow", "duckdb", "sigma", "matplotlib", "rich", "orjson", "msgspec", "evtx", "numpy"}


def test_all_that_is_wrong_with_the_settings_is_said_at_once(tmp_path: Path) -> None:
    done = tocsin("run", "--count", "many", "--alert-level", "loud", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "tocsin: command line: produce.count is `many`; a whole number of at least 0 is needed",
        "tocsin: command line: classify.alert_level is `loud`;"
        " one of informational, low, medium, high, critical is needed",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("lag",), ("stats",), ("query", "SELECT 1")], ids=lambda arguments: str(arguments[0])
)
def test_a_command_that_needs_a_data_directory_says_what_makes_one(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = tocsin(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "`tocsin run`" in done.stderr


def test_a_setting_of_the_simulator_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = tocsin("run", "--attacks", "foo", cwd=tmp_path)
    assert done.returncode == 2
    assert "foo" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("run", "--follow"), "--follow needs --input"),
        (("run", "--input", ".", "--count", "5", "--seed", "2"), "--count, --seed is for simulated events"),
        (("produce", "--input", ""), "invalid path value: ''"),
        (("scan", "--rules", "."), "Give PATH before --rules"),
        (("scan", ".", "--navigator", "none/layer.json"), "there is no folder `none` for `layer.json`"),
        (("rules", "coverage", "--navigator", "."), "`.` is no file"),
        (("classify", "--workers", "99999"), "a whole number from 1 to 256 is needed"),
        (("rules", "check", "."), "there is no Sigma rule in `.`"),
        (("stats", "--since", "soon"), "`soon` is not a time such as 2026-01-12"),
        (
            ("report", "--since", "2026-01-13", "--until", "2026-01-12"),
            "is not after --since 2026-01-13T00:00:00",
        ),
        (("run", "--data", "/dev/null/x"), "data directory `/dev/null/x` cannot be used"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(
    tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    done = tocsin(*arguments, cwd=tmp_path)
    assert (done.returncode, reason in done.stderr, list(tmp_path.iterdir())) == (2, True, []), done.stderr


@pytest.mark.parametrize(
    ("arguments", "usage", "meant"),
    [
        (("lag", "--buss", "x"), "usage: tocsin lag ", "arguments: --buss x; did you mean `--bus`?"),
        (("rules", "list", "--tunin=x"), "usage: tocsin rules list ", "; did you mean `--tuning`?"),
        (("topic", "list"), "usage: tocsin ", "; did you mean `topics`?"),
        (("topics", "creat"), "usage: tocsin topics ", "; did you mean `create`?"),
        (("rules", "lst"), "usage: tocsin rules ", "; did you mean `list`?"),
        (("lag", "\x1b[31m"), "usage: tocsin lag ", r"unrecognized arguments: \x1b[31m"),
    ],
)
def test_a_word_that_no_command_knows_is_refused_by_that_command_with_the_one_that_was_meant(
    tmp_path: Path, arguments: tuple[str, ...], usage: str, meant: str
) -> None:
    done = tocsin(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(usage)
    assert done.stderr.endswith(meant + "\n")


@pytest.mark.parametrize("content", [None, b"", b"no JSON\n", b"[1]\n"])
def test_scan_fails_where_not_one_event_can_be_read(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "events.jsonl").write_bytes(content)
    done = tocsin("scan", ".", cwd=tmp_path)
    assert done.returncode == 1
    assert "not one event could be read" in done.stderr


def test_scan_prints_one_json_object_a_detection_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(
        "title: Notepad\nid: 11111111-2222-3333-4444-555555555555\nlevel: low\nauthor: Ann\nlicense: DRL 1.1\n"
        "tags: [attack.execution, attack.t1204.002]\nlogsource: {category: process_creation, product: windows}\n"
        "detection: {selection: {Image|endswith: '\\notepad.exe'}, condition: selection}\n"
    )
    lines = flat_lines(40)
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines))
    done = tocsin("scan", "events.jsonl", "--rules", "rule.yml", "--format", "jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    expected = [number for number, line in enumerate(lines, 1) if b"notepad.exe" in line]
    assert [detection["source"] for detection in found] == [
        {"file": "events.jsonl", "line": number} for number in expected
    ]
    first = json.loads(lines[expected[0] - 1])
    assert found[0] | {"event_id": "", "time": ""} == {
        "event_id": "",
        "time": "",
        "host": first["Hostname"].lower(),
        "source": {"file": "events.jsonl", "line": expected[0]},
        "rule": {
            "id": "11111111-2222-3333-4444-555555555555",
            "title": "Notepad",
            "level": "low",
            "author": "Ann",
            "license": "DRL 1.1",
        },
        "tactics": [{"id": "TA0002", "name": "Execution"}],
        "techniques": ["T1204.002"],
    }
    assert found[0]["time"].startswith(first["@timestamp"][:19])


def test_scan_as_csv_has_no_formulas_and_as_a_table_no_control_characters(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(
        "title: Any\nlevel: low\nlogsource: {product: windows}\n"
        "detection: {selection: {EventID: 1}, condition: selection}\n"
    )
    event = json.loads(flat_lines(1)[0]) | {"Hostname": "=cmd()\x1b[31m"}
    (tmp_path / "events.jsonl").write_text(json.dumps(event))
    table = tocsin("scan", "events.jsonl", "--rules", "rule.yml", cwd=tmp_path)
    rows = tocsin("scan", "events.jsonl", "--rules", "rule.yml", "--format", "csv", cwd=tmp_path)
    assert "\x1b" not in table.stdout + rows.stdout
    assert ",=cmd()" not in rows.stdout
    assert "'=cmd()" in rows.stdout


def test_scan_reports_a_bad_rule_by_its_line_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(
        "title: Bad\nlogsource: {product: windows}\ndetection:\n  selection:\n    Image|containz: x\n"
        "  condition: selection\n"
    )
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(flat_lines(3)))
    (tmp_path / "good.yml").write_text(
        "title: Good\nlogsource: {product: windows}\ndetection: {s: {Image|endswith: '.exe'}, condition: s}\n"
    )
    alone = tocsin("scan", "events.jsonl", "--rules", "bad.yml", cwd=tmp_path)
    assert (alone.returncode, "not one of them can be used" in alone.stderr) == (2, True)
    done = tocsin("scan", "events.jsonl", "--rules", "bad.yml", "good.yml", cwd=tmp_path)
    assert done.returncode == 0
    assert "bad.yml:5: unknown modifier 'containz' in 'Image|containz'; did you mean 'contains'?" in done.stderr


def test_a_folder_without_rules_is_refused_and_not_a_clean_result(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(flat_lines(3)))
    done = tocsin("scan", "events.jsonl", "--rules", "empty", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "tocsin: rules: there is no Sigma rule in `empty`\n")


def test_rules_check_passes_on_the_built_in_pack_and_fails_on_a_rule_that_does_not_fire(tmp_path: Path) -> None:
    assert tocsin("rules", "check", cwd=tmp_path).returncode == 0
    (tmp_path / "rule.yml").write_text(
        "title: Never\nlogsource: {product: windows}\ndetection: {selection: {EventID: 1}, condition: selection}\n"
    )
    (tmp_path / "rule.events.yml").write_text("must_fire:\n  - {Channel: Security, EventID: 2}\n")
    done = tocsin("rules", "check", "rule.yml", cwd=tmp_path)
    assert done.returncode == 1
    assert "rule.events.yml:2" in done.stderr


def test_config_show_masks_nothing_it_need_not_and_says_where_each_setting_comes_from(tmp_path: Path) -> None:
    done = tocsin("config", "show", cwd=tmp_path, environment={"TOCSIN_PRODUCE_HOSTS": "9"})
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("produce.hosts"))
    assert line.split() == ["produce.hosts", "9", "environment", "variable", "TOCSIN_PRODUCE_HOSTS"]


def test_config_shows_no_secret_however_it_is_spelled_and_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text('[kafka]\n"client.id" = "x\\u001b[31mred"\n"sasl.pasword" = "GEHEIM"\n')
    shown = tocsin("config", "show", cwd=tmp_path)
    assert [line.split() for line in shown.stdout.splitlines() if line.startswith("kafka.")] == [
        ["kafka.client.id", r"x\x1b[31mred", "tocsin.toml"],
        ["kafka.sasl.pasword", "********", "tocsin.toml"],
    ]


@pytest.mark.parametrize(
    "arguments", [("config", "check"), ("lag", "--bus", "kafka://127.0.0.1:1"), ("run", "--bus", "kafka://127.0.0.1:1")]
)
def test_a_property_of_kafka_that_there_is_not_is_named_by_file_and_key_before_anybody_is_asked(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "tocsin.toml").write_text('[kafka]\nsasl.pasword = "GEHEIM"\nsession.timeout.ms = 0\n')
    done = tocsin(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "tocsin: tocsin.toml: kafka.sasl.pasword: librdkafka has no property of this name;"
        " did you mean `sasl.password`?",
        "tocsin: tocsin.toml: kafka.session.timeout.ms: it cannot be `0`; permitted: 1 .. 3600000",
    ]


def test_stats_draws_what_the_store_holds_and_query_reads_it(tmp_path: Path) -> None:
    ran = tocsin("run", "--count", 1000, "--data", "data", cwd=tmp_path)
    assert ran.returncode == 0
    assert "attacks that had not begun by the last event: phish-to-credentials" in ran.stdout
    done = tocsin("stats", "--data", "data", "--output", "picture.svg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "picture.svg").read_text().startswith("<?xml")
    as_json = tocsin("stats", "--data", "data", "--json", cwd=tmp_path)
    assert json.loads(as_json.stdout)["events"] == 1000
    assert query(tmp_path / "data", "SELECT count(*) AS n FROM alerts") is not None
    latency = tocsin("stats", "--data", "data", "--latency", cwd=tmp_path)
    assert "picture: data/latency.png" in latency.stderr
    steps = [line.split()[0] for line in latency.stdout.splitlines() if "classify " in line]
    assert steps == ["consume_event", "normalize_event", "classify_event", "publish_event"]
    timed = tocsin("stats", "--data", "data", "--latency", "--min-level", "low", "--json", cwd=tmp_path)
    fired = query(tmp_path / "data", "SELECT count(*) AS n FROM events WHERE level <> 'informational'")
    assert [step["events"] for step in json.loads(timed.stdout)["steps"]] == [fired[0]["n"]] * 11
    refused = tocsin("stats", "--data", "data", "--latency", "--navigator", "layer.json", cwd=tmp_path)
    assert (refused.returncode, "--latency has none" in refused.stderr) == (2, True)
    refused = tocsin("query", "--data", "data", "COPY events TO 'x.csv'", cwd=tmp_path)
    assert refused.returncode == 2
    assert "only SELECT" in refused.stderr


def test_statistics_write_their_files_and_end_as_a_pipe_does_when_their_reader_goes(tmp_path: Path) -> None:
    assert tocsin("run", "--count", 200, cwd=tmp_path).returncode == 0
    picture, layer = tmp_path / "tocsin-data" / "statistics.png", tmp_path / "fired.json"
    picture.unlink()
    command = [sys.executable, "-m", "tocsin", "stats", "--navigator", "fired.json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as printing:
        assert printing.stdout and printing.stderr
        printing.stdout.close()
        assert printing.wait(60) == 128 + signal.SIGPIPE, printing.stderr.read()
    assert picture.exists() and layer.exists()


@pytest.mark.parametrize(
    ("output", "problem"), [("a.pdf", "must end in .png or .svg"), ("absent/a.png", "there is no folder `absent`")]
)
def test_a_picture_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path, output: str, problem: str) -> None:
    done = tocsin("stats", "--output", output, cwd=tmp_path)
    assert (done.returncode, problem in done.stderr) == (2, True), done.stderr


def test_topics_that_are_there_with_other_partitions_than_asked_for_are_named(tmp_path: Path) -> None:
    assert tocsin("topics", "create", cwd=tmp_path).returncode == 0
    again = tocsin("topics", "create", "--partitions", 4, cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    asked = tocsin("topics", "create", "--partitions", 8, "--replication", 3, cwd=tmp_path)
    assert asked.returncode == 1
    assert asked.stdout == again.stdout
    assert asked.stderr.splitlines() == [
        *(
            f"tocsin: topic `{name}` has 4 partitions, 8 asked for: the embedded bus keeps those it was made with;"
            " give another --data or --bus"
            for name in ("raw-events", "classified-events")
        ),
        "tocsin: topics.replication is 3: the embedded bus has one copy, on the disk of its folder",
    ]
    default = {"TOCSIN_TOPICS_PARTITIONS": "8"}
    assert tocsin("topics", "list", cwd=tmp_path, environment=default).returncode == 0


def test_looking_at_a_bus_changes_none_of_its_settings(tmp_path: Path) -> None:
    kept = {"TOCSIN_TOPICS_RETENTION_HOURS": "1000"}
    assert tocsin("produce", "--count", 10, cwd=tmp_path, environment=kept).returncode == 0
    assert tocsin("lag", cwd=tmp_path).returncode == 0
    with closing(sqlite3.connect(tmp_path / "tocsin-data" / "bus" / "bus.sqlite")) as bus:
        assert bus.execute("SELECT retention_seconds FROM topics WHERE name = 'raw-events'").fetchall() == [
            (3_600_000,)
        ]


def test_lag_of_a_folder_without_a_bus_is_refused_and_makes_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert tocsin("lag", "--bus", "file:empty", cwd=tmp_path).returncode == 2
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_watch_of_the_lag_gives_lines_of_json_a_table_and_a_picture(tmp_path: Path) -> None:
    assert tocsin("produce", "--count", 10, cwd=tmp_path).returncode == 0
    done = tocsin("lag", "--watch", "--seconds", 0.5, "--json", "--plot", "lag.svg", "--csv", "lag.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    looks = [json.loads(line) for line in done.stdout.splitlines()]
    unread = [sum(lag["records"] for lag in look if lag["group"] == "classify") for look in looks]
    assert unread == [10]
    with (tmp_path / "lag.csv").open(newline="") as file:
        assert [row["time"] for row in csv.DictReader(file)] == [lag["time"] for look in looks for lag in look]
    assert "classify: at most 10 records, at the end 10" in (tmp_path / "lag.svg").read_text()


def test_a_watch_that_is_interrupted_is_drawn_all_the_same(tmp_path: Path) -> None:
    assert tocsin("produce", "--count", 10, cwd=tmp_path).returncode == 0
    command = [sys.executable, "-m", "tocsin", "lag", "--watch", "--plot", "lag.svg"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        assert any(b"total lag: 10 records; STOPPED" in line for line in watch.stdout)
        watch.send_signal(signal.SIGINT)
        assert watch.wait(60) == 130
    assert "classify: at most 10 records" in (tmp_path / "lag.svg").read_text()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--plot", "lag.png"), "--plot needs --watch"),
        (("--seconds", 3, "--csv", "lag.csv"), "--seconds, --csv needs --watch"),
        (("--watch", "--plot", "lag.gif"), "must end in .png or .svg"),
        (("--watch", "--plot", "lag.png", "--csv", "lag.png"), "give each one of its own"),
    ],
)
def test_what_cannot_be_drawn_or_written_is_refused_before_the_watch(
    tmp_path: Path, options: tuple[object, ...], reason: str
) -> None:
    refused = tocsin("lag", *options, cwd=tmp_path)
    assert refused.returncode == 2
    assert reason in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_json_keeps_columns_of_one_name_and_numbers_of_any_size(tmp_path: Path) -> None:
    assert tocsin("run", "--count", 10, cwd=tmp_path).returncode == 0
    rows = query(tmp_path / "tocsin-data", "SELECT 1 AS a, 2 AS a, 100000000000000000000000::HUGEINT AS b")
    assert rows == [{"a": 1, "a_2": 2, "b": 10**23}]


def test_the_second_scan_compiles_nothing_that_the_first_one_has_compiled(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(flat_lines(300)))
    files = []
    for seed in ("1", "2"):
        environment = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONHASHSEED": seed}
        assert tocsin("scan", "events.jsonl", cwd=tmp_path, environment=environment).returncode == 0
        files.append({file.name: file.stat().st_ino for file in (tmp_path / "cache" / "tocsin").iterdir()})
    assert files[0] == files[1], "a file was written anew"
    assert {name.partition("-")[0] for name in files[0]} == {"automata", "rules", "states"}


def test_rules_are_explained_and_their_coverage_is_shown(tmp_path: Path) -> None:
    event = {"EventID": 1, "Channel": "Security", "Hostname": "ws1", "A": "x\x1b[31m"}
    (tmp_path / "events.jsonl").write_text(f"{json.dumps({'z': 1})}\n{json.dumps(event)}\n")
    (tmp_path / "rule.yml").write_text(rule_text("A|startswith: x", tags=["attack.t1059"]))
    (tmp_path / "other.yml").write_text(rule_text("B: x", title="Other"))
    done = tocsin("rules", "explain", "rule.yml", "--event", "events.jsonl:2", cwd=tmp_path)
    assert (done.returncode, "fires" in done.stdout, "\x1b" in done.stdout) == (0, True, False)
    done = tocsin("rules", "explain", "rule.yml", "--event", "events.jsonl:1", cwd=tmp_path)
    assert (done.returncode, "does not fire" in done.stdout, "missing" in done.stdout) == (1, True, True)
    for place, problem in (("events.jsonl:3", "there is no event at"), ("events.jsonl", "FILE:LINE is needed")):
        done = tocsin("rules", "explain", "rule.yml", "--event", place, cwd=tmp_path)
        assert (done.returncode, problem in done.stderr) == (2, True)
    arguments = ("rule.yml", "other.yml", "--logs", "events.jsonl", "--navigator", "layer.json", "--json")
    done = tocsin("rules", "coverage", *arguments, cwd=tmp_path)
    content = json.loads(done.stdout)
    assert (content["rules"], content["events"]) == (2, 2)
    assert [(one["title"], one["fields"]) for one in content["starved"]] == [("Other", ["B"])]
    assert json.loads((tmp_path / "layer.json").read_text())["techniques"][0]["techniqueID"] == "T1059"


def test_a_bar_on_a_terminal_shows_how_far_new_rules_are(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    for number in range(30):
        (tmp_path / "rules" / f"{number}.yml").write_text(rule_text(f"Field{number}: text", title=f"Rule {number}"))
    (tmp_path / "events.jsonl").write_bytes(flat_lines(1)[0])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tocsin", "scan", "events.jsonl", "--rules", "rules"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "COLUMNS": "100", "TERM": "xterm"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # Linux says so at the end of a terminal's output
            while piece := os.read(ours, 65_536):
                shown += piece
        os.close(ours)
    assert process.returncode == 0
    assert b"reading rules" in shown
    assert b"30/30" in shown
    assert b"compiling rules" in shown


@pytest.mark.parametrize("format_name", ["csv", "html", "jsonl", "table"])
def test_output_for_which_there_is_no_room_is_said_in_one_line(tmp_path: Path, format_name: str) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("EventID: 1"))
    (tmp_path / "events.jsonl").write_bytes(flat_lines(1)[0])
    command = f"{sys.executable} -m tocsin scan events.jsonl --rules rule.yml --format {format_name} >/dev/full"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (75, "tocsin: No space left on device"), done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_rules_are_loaded_is_said_in_one_line(tmp_path: Path, number: signal.Signals) -> None:
    for rule in range(12_000):
        (tmp_path / f"{rule}.yml").write_text(rule_text(f"CommandLine|contains: text {rule}", title=f"Rule {rule}"))
    check = start_tocsin("rules", "check", ".", cwd=tmp_path)
    time.sleep(1.5)
    check.send_signal(number)
    assert check.wait(30) == 130
    assert (tmp_path / "output.txt").read_text().splitlines() == ["tocsin: interrupted"]


def test_json_on_a_terminal_has_no_control_and_no_bidirectional_characters(tmp_path: Path) -> None:
    hostile = "\x9b31mred\u202eabc\U000e0041"
    (tmp_path / "rule.yml").write_text(rule_text("EventID: 1", title=f"A {hostile}"), "utf-8")
    event = json.loads(flat_lines(1)[0]) | {"Hostname": hostile}
    (tmp_path / "events.jsonl").write_text(json.dumps(event))
    for arguments in (
        ("scan", "events.jsonl", "--rules", "rule.yml", "--format", "jsonl"),
        ("rules", "list", "rule.yml", "--json"),
        ("rules", "explain", "rule.yml", "--event", "events.jsonl:1", "--json"),
        ("rules", "profile", "events.jsonl", "--rules", "rule.yml", "--format", "jsonl"),
    ):
        done = tocsin(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert not re.search("[\x7f-\x9f\u202e\U000e0041]", done.stdout), arguments
        assert f"A {hostile}" in json.dumps(json.loads(done.stdout), ensure_ascii=False)


def test_a_path_in_an_error_is_harmless_to_a_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "d\x1b[31m\u202e"
    folder.mkdir()
    (folder / "bad.yml").write_text(rule_text("A|containz: x"))
    done = tocsin("scan", folder, "--rules", folder, cwd=tmp_path)
    assert (done.returncode, "\x1b" in done.stderr, "\\x1b[31m\\u202e/bad.yml" in done.stderr) == (2, False, True)


def test_a_rule_file_nested_without_end_is_reported_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "deep.yml").write_text("title: x\na: " + "[" * 100_000)
    done = tocsin("rules", "check", "deep.yml", cwd=tmp_path)
    assert (
        done.returncode,
        "deep.yml:2: is not valid YAML: lists and maps are nested" in done.stdout + done.stderr,
    ) == (1, True)


def test_a_rule_by_its_file_is_explained_with_the_filters_of_the_folder(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "good.yml").write_text(rule_text("EventID: 1", title="Good"))
    exception = {"rules": "any", "f": {"Image|contains": "\\"}, "condition": "not f"}
    filter_text = {"title": "Ours", "logsource": {"product": "windows"}, "filter": exception}
    (rules / "filter.yml").write_text(json.dumps(filter_text))
    (tmp_path / "events.jsonl").write_bytes(flat_lines(1)[0])
    for named in ("rules/good.yml", "Good"):
        done = tocsin("rules", "explain", named, "--rules", "rules", "--event", "events.jsonl:1", cwd=tmp_path)
        assert (done.returncode, "- filter: Ours" in done.stdout) == (1, True), done.stdout + done.stderr


def test_a_reader_that_goes_ends_a_command_as_a_pipe_does(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tocsin", "rules", "list"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout and listing.stderr
        listing.stdout.close()
        assert (listing.wait(60), listing.stderr.read()) == (128 + signal.SIGPIPE, b"")


def test_config_check_says_what_is_wrong_with_where_traces_go(tmp_path: Path) -> None:
    wrong = {"OTEL_EXPORTER_OTLP_ENDPOINT": "grpc://collector", "OTEL_EXPORTER_OTLP_HEADER": "a=b"}
    done = tocsin("config", "check", cwd=tmp_path, environment=wrong)
    assert done.returncode == 2
    assert "`grpc://collector` is no address" in done.stderr
    assert "did you mean `OTEL_EXPORTER_OTLP_HEADERS`?" in done.stderr
