"""Dead letters are listed, shown and put back, on either bus, with what they came with."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from tests.command import query, tocsin
from tests.kafka.broker import Cluster

from tocsin.bus.contract import Bus
from tocsin.bus.embedded import EmbeddedBus
from tocsin.bus.kafka import KafkaBus, KafkaSettings
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings

_EVENT = b'{"EventID":4688,"Channel":"Security","Hostname":"h"}'
_HEADERS = (("agent", b"\xff\x00"), ("tocsin.error.reason", b"a claim"), ("agent", b"second"))


class _Place:
    """A bus, and the commands on it."""

    def __init__(self, folder: Path, url: str, bus: Bus) -> None:
        self.folder = folder
        self.url = url
        self.bus = bus

    def __call__(self, *arguments: object, code: int = 0, environment: dict[str, str] | None = None) -> str:
        done = tocsin(*arguments, "--bus", self.url, "--data", "data", cwd=self.folder, environment=environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def put(self, *records: Record) -> None:
        self.bus.committer(owner="agent").commit({"raw-events": records}, Batch())

    def values(self) -> list[bytes]:
        """The bytes of all records on `raw-events`, which has one partition."""
        values: list[bytes] = []
        offset = 0
        while records := self.bus.read_from("raw-events", 0, offset, 1000):
            values += [record.value for record in records]
            offset = records[-1].offset + 1
        return values

    def process(self) -> None:
        self("classify", "--until-idle", 0.5)
        self("store", "--until-idle", 0.5)

    def letters(self, *options: object) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self("dead-letters", "list", "--json", *options))
        return found


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_Place]:
    cluster: Cluster | None = request.getfixturevalue("kafka") if request.param == "kafka" else None
    url = cluster.url if cluster else f"file:{tmp_path / 'bus'}"
    made = tocsin("topics", "create", "--bus", url, "--data", "data", "--partitions", 1, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    bus: Bus = EmbeddedBus(tmp_path / "bus")
    if cluster:
        bus.close()
        bus = KafkaBus(KafkaSettings(cluster.servers, tmp_path / "agent"), "agent")
    yield _Place(tmp_path, url, bus)
    bus.close()
    if cluster:
        cluster.empty()


def test_what_could_not_be_read_is_put_back_once_as_it_came(place: _Place) -> None:
    broken = Record(b"not json \x1b[31m", b"a key", _HEADERS)
    place.put(broken, Record(_EVENT), Record(b'{"cut'))
    place.process()
    first, second = place.letters()
    came_from = f"raw-events/0/{place.bus.read_from('raw-events', 0, 0, 1)[0].offset}"
    assert (first["reason"], first["record"], first["replayed_at"]) == ("not_json", came_from, "")
    assert place.letters("--stage", "store") == []
    assert "--yes" in place("dead-letters", "replay", first["place"], code=2)
    assert "Put back: 1 record." in place("dead-letters", "replay", first["place"], "--yes")
    assert "nothing to put back" in place("dead-letters", "replay", first["place"], "--yes")
    again = [record for record in place.bus.read_from("raw-events", 0, 0, 10) if record.value == broken.value][-1]
    assert again.key == broken.key
    came_back = [header for header in again.headers if not header[0].startswith("tocsin-") and header[0] != "tocsin"]
    assert tuple(came_back) == _HEADERS
    assert again.header("tocsin-replayed-from") == b"dead-letters/" + first["place"].encode()
    place.process()
    assert [each["replayed_at"] != "" for each in place.letters()] == [True, False, False]
    ids = query(place.folder / "data", "SELECT DISTINCT event_id FROM dead_letters WHERE raw = 'not json \\x1B[31m'")
    assert len(ids) == 1, "what is put back keeps its id"
    assert second["place"] != first["place"]


@pytest.mark.slow
@pytest.mark.parametrize("point", ["bus.after_append:2", "bus.before_commit:2", "bus.after_commit:2"])
def test_a_replay_that_was_killed_and_is_started_again_puts_each_back_once(place: _Place, point: str) -> None:
    broken = [b"broken %d" % number for number in range(1100)]
    place.put(*map(Record, broken))
    place("classify", "--until-idle", 0.5)
    place("dead-letters", "replay", "--yes", code=-signal.SIGKILL, environment={"TOCSIN_FAILPOINT": point})
    rest = 100 if point.startswith("bus.after_commit") else 600
    assert f"Put back: {rest} records" in place("dead-letters", "replay", "--yes")
    assert Counter(place.values()) == Counter(broken * 2)
    assert {each["replayed_at"] == "" for each in place.letters()} == {False}


def test_a_reason_that_no_dead_letter_has_is_answered_with_those_there_are(place: _Place) -> None:
    assert "nothing to put back" in place("dead-letters", "replay", "--reason", "nope", "--yes")
    place.put(Record(b"broken"), Record(b'{"cut'), Record(b"[" * 2000))
    place("classify", "--until-idle", 0.5)
    said = place("dead-letters", "replay", "--reason", "nope", "--yes", code=2)
    assert "no dead letter has the reason `nope`; there are: not_json 2, too_deep 1" in said
    assert "nothing to put back" in place("dead-letters", "replay", "--reason", "not_json", "--stage", "store", "--yes")


def test_an_error_is_all_that_is_printed_where_it_comes_first(place: _Place) -> None:
    done = tocsin("dead-letters", "list", "0/17", "--json", "--bus", place.url, "--data", "data", cwd=place.folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no dead letter at `0/17`" in done.stderr
    assert place.letters() == []


def test_what_fails_once_more_says_how_often_it_was_put_back(place: _Place) -> None:
    place.put(Record(b"broken"))
    for _ in range(3):
        place("classify", "--until-idle", 0.5)
        place("dead-letters", "replay", "--yes")
    assert [each["attempts"] for each in place.letters()] == [0, 1, 2]
    last = place.letters()[-1]["place"]
    assert "attempts before  2" in place("dead-letters", "show", last)


def test_no_more_are_put_back_than_asked_for(place: _Place) -> None:
    place.put(*(Record(b"broken %d" % number) for number in range(5)))
    place("classify", "--until-idle", 0.5)
    assert "Put back: 2 records" in place("dead-letters", "replay", "--limit", 2, "--yes")
    assert [each["replayed_at"] != "" for each in place.letters()] == [True, True, False, False, False]
    assert [each["place"] for each in place.letters("--limit", 1)] == [place.letters()[-1]["place"]]


def test_only_the_places_given_are_put_back(place: _Place) -> None:
    place.put(*(Record(b"broken %d" % number) for number in range(3)))
    place("classify", "--until-idle", 0.5)
    first, _, last = (each["place"] for each in place.letters())
    place("dead-letters", "replay", last, first, "--yes")
    assert place.values()[3:] == [b"broken 0", b"broken 2"]


def test_what_was_not_kept_whole_is_left_out_and_said(place: _Place) -> None:
    place.put(Record(b"broken", headers=(("h", b"x" * 64_000),)))
    place("classify", "--until-idle", 0.5)
    said = place("dead-letters", "replay", "--yes")
    assert "1 record not kept whole" in said and "nothing to put back" in said


def test_what_is_shown_can_do_nothing_to_a_terminal(place: _Place) -> None:
    place.put(Record(b"\x1b[2J\x9b31m", b"\x1b]0;key\x07", (("na\x1bme", b"\x1bvalue"),)))
    place.process()
    shown = place("dead-letters", "show", place.letters()[0]["place"]) + place("dead-letters", "list")
    assert "\x1b" not in shown and "\x07" not in shown and "\x9b" not in shown
    assert "\\x1b]0;key\\x07" in shown
    assert "1b 5b 32 4a 9b 33 31 6d" in shown


def test_the_bytes_are_written_as_they_came(place: _Place) -> None:
    raw = bytes(range(256))
    place.put(Record(raw))
    place.process()
    place("dead-letters", "show", place.letters()[0]["place"], "--raw", "bytes")
    assert (place.folder / "bytes").read_bytes() == raw


def test_a_place_that_holds_none_is_an_error_that_says_where_to_look(place: _Place) -> None:
    for text in ("0/99", "17", "7/0"):
        assert "dead-letters list" in place("dead-letters", "show", text, code=2)
    assert "dead letter at `0/99`" in place("dead-letters", "replay", "0/99", "--yes", code=2)
    for text in ("x/y", "0/1/2", "9" * 5000, "one"):
        assert "is no place" in place("dead-letters", "show", text, code=2)


def test_a_topic_of_something_else_stops_classify_and_nothing_of_that_batch_is_committed(place: _Place) -> None:
    place.put(*[Record(b"<xml/>")] * 300)
    strict = {"TOCSIN_CLASSIFY_DEAD_WINDOW": "200"}
    lenient = {**strict, "TOCSIN_CLASSIFY_MAX_DEAD_RATIO": "1"}
    problem = place("classify", "--until-idle", 0.5, code=2, environment=strict)
    assert "300 of the last 300 records of `raw-events`" in problem
    assert place.letters() == []
    place("classify", "--until-idle", 0.5, environment=lenient)
    assert len(place.letters()) == 300


def test_a_supervised_run_ends_with_what_its_classify_said(tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_bytes(b"<xml/>\n" * 300)
    strict = {"TOCSIN_CLASSIFY_DEAD_WINDOW": "200"}
    done = tocsin("run", "--input", "other.jsonl", "--data", "data", cwd=tmp_path, environment=strict)
    assert done.returncode == 2
    assert "300 of the last 300 records of `raw-events`" in done.stderr
    assert "0 dead letters" in tocsin("dead-letters", "list", "--data", "data", cwd=tmp_path).stdout


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_a_terminal_is_asked_before_anything_is_put_back(tmp_path: Path, answer: str, code: int) -> None:
    (tmp_path / "broken.jsonl").write_bytes(b"broken\n")
    for stage in (["produce", "--input", "broken.jsonl"], ["classify", "--until-idle", "0.3"]):
        assert tocsin(*stage, "--data", "data", cwd=tmp_path).returncode == 0
    ours, terminal = pty.openpty()
    os.write(ours, answer.encode() + b"\n")
    command = [sys.executable, "-m", "tocsin", "dead-letters", "replay", "--data", "data"]
    done = subprocess.run(
        command, cwd=tmp_path, stdin=terminal, capture_output=True, text=True, timeout=60, check=False
    )
    os.close(terminal)
    os.close(ours)
    assert done.returncode == code, done.stderr
    assert "Put 1 record back" in done.stdout
    assert ("Put back: 1 record." in done.stdout) == (answer == "y")


def test_a_number_alone_is_refused_where_there_are_several_partitions(tmp_path: Path) -> None:
    with closing(EmbeddedBus(tmp_path / "bus")) as bus:
        bus.ensure_topics({"dead-letters": TopicSettings(2)}, {})
    done = tocsin("dead-letters", "show", "17", "--bus", "file:bus", "--data", "data", cwd=tmp_path)
    assert (done.returncode, "has 2 partitions" in done.stderr) == (2, True)


@pytest.mark.slow
def test_a_topic_made_anew_has_nothing_that_was_put_back(tmp_path: Path, kafka: Cluster) -> None:
    place = ("--bus", kafka.url, "--data", "data")
    admin = AdminClient({"bootstrap.servers": kafka.servers})
    with closing(KafkaBus(KafkaSettings(kafka.servers, tmp_path / "agent"), "agent")) as bus:
        assert tocsin("topics", "create", *place, cwd=tmp_path).returncode == 0
        for _ in range(2):
            bus.committer(owner="agent").commit({"raw-events": [Record(b"broken")]}, Batch())
            assert tocsin("classify", "--until-idle", 0.5, *place, cwd=tmp_path).returncode == 0
            address = f"0/{bus.read_from('dead-letters', 0, 0, 1)[0].offset}"
            done = tocsin("dead-letters", "replay", address, "--yes", *place, cwd=tmp_path)
            assert "Put back: 1 record." in done.stdout, done.stdout + done.stderr
            admin.delete_topics(["dead-letters"])["dead-letters"].result(20)
            while "dead-letters" in admin.list_topics(timeout=10).topics:
                time.sleep(0.02)
    kafka.empty()
