"""`tocsin trace`, as a person meets it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.command import tocsin
from tests.telemetry.answering import MISSING, Answering, answering, jaeger_answer
from tests.telemetry.traced import EVENT_ID, trace_spans

_UUID = "5F0C1E9A-7B3D-4286-A1C0-4E8F92D7B635"


@pytest.fixture(scope="module")
def jaeger() -> Iterator[Answering]:
    spans = trace_spans()
    spans[0] = replace(spans[0], error="gone \x1b[2J")
    with answering(jaeger_answer(spans)) as server:
        yield server


def _trace(*arguments: object, cwd: Path) -> CompletedProcess[str]:
    return tocsin("trace", *arguments, cwd=cwd, environment={"NO_PROXY": "*"})


@pytest.mark.parametrize("event_id", [EVENT_ID.hex(), EVENT_ID.hex().upper(), _UUID, _UUID.lower()])
def test_an_event_id_may_be_in_capitals_and_a_uuid(tmp_path: Path, jaeger: Answering, event_id: str) -> None:
    done = _trace(event_id, "--jaeger", jaeger.url, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Event {EVENT_ID.hex()}\n2.29 s from 2026-01-12 06:00:00.000123 UTC")
    assert "  error: gone \\x1b[2J\n" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert jaeger.asked[-1] == f"/api/v3/traces/{EVENT_ID.hex()}?raw_traces=true"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("event_id", ["", "abc", "0" * 32, "g" * 32, "1" * 33, "1-" * 16, "\x1b[2J"])
def test_what_is_no_event_id_is_refused(tmp_path: Path, event_id: str) -> None:
    done = _trace(event_id, "--jaeger", "http://127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 2
    assert "32" in done.stderr
    assert "\x1b" not in done.stderr


def test_json_has_spans_and_gaps_and_is_harmless_to_a_terminal(tmp_path: Path, jaeger: Answering) -> None:
    done = _trace(_UUID, "--jaeger", jaeger.url, "--json", cwd=tmp_path)
    whole = json.loads(done.stdout)
    assert whole["event_id"] == EVENT_ID.hex()
    assert [span["name"] for span in whole["spans"]] == [span.name for span in trace_spans()]
    assert [gap["name"] for gap in whole["gaps"]] == ["in Kafka", "waiting", "in Kafka"]
    assert whole["spans"][0]["error"] == "gone \x1b[2J"
    assert "\x1b" not in done.stdout


def test_a_picture_is_drawn_beside_the_lines(tmp_path: Path, jaeger: Answering) -> None:
    done = _trace(_UUID, "--jaeger", jaeger.url, "--png", "trace.png", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "picture: trace.png\n")
    assert "write_parquet" in done.stdout
    assert (tmp_path / "trace.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_another_form_is_refused_before_anything_is_asked(tmp_path: Path, jaeger: Answering) -> None:
    asked = len(jaeger.asked)
    done = _trace(_UUID, "--jaeger", jaeger.url, "--png", "trace.gif", cwd=tmp_path)
    assert done.returncode == 2
    assert "give a name that ends in .png or .svg" in done.stderr
    assert len(jaeger.asked) == asked


def test_without_a_store_it_says_what_makes_one(tmp_path: Path) -> None:
    done = _trace(_UUID, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "`tocsin run` or `tocsin store` makes one" in done.stderr


def test_a_trace_that_is_missing_and_a_jaeger_that_is_away_have_exit_codes_of_their_own(tmp_path: Path) -> None:
    with answering(MISSING, 404) as server:
        done = _trace(_UUID, "--jaeger", server.url, cwd=tmp_path)
        assert done.returncode == 2
        assert f"has no trace {EVENT_ID.hex()}" in done.stderr
        url = server.url
    done = _trace(_UUID, "--jaeger", url, cwd=tmp_path)
    assert done.returncode == 75
    assert "cannot be reached: Connection refused; does it run?" in done.stderr


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the data directory of a run."""
    folder = tmp_path_factory.mktemp("run")
    done = tocsin("run", "--count", 2_000, "--data", "data", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def _slowest(data: Path) -> dict[str, object]:
    [found] = json.loads(_trace("--slowest", 1, "--json", "--data", "data", cwd=data).stdout)
    return dict(found)


def test_each_event_of_a_run_has_its_trace_in_the_store_and_the_beginning_of_its_id_is_enough(data: Path) -> None:
    found = _slowest(data)
    event_id = str(found["event_id"])
    done = _trace(event_id[:12], "--data", "data", "--json", cwd=data)
    whole = json.loads(done.stdout)
    assert (done.returncode, whole["event_id"], whole["remarks"]) == (0, event_id, [])
    assert {span["name"] for span in whole["spans"]} == {span.name for span in trace_spans()}
    assert len(whole["spans"]) == 8
    assert {span["service"] for span in whole["spans"]} == {"tocsin-produce", "tocsin-classify", "tocsin-store"}
    assert [gap["name"] for gap in whole["gaps"] if "bus" in gap["name"]] == ["on the bus", "on the bus"]
    assert whole["duration_ns"] / 1e9 == pytest.approx(found["seconds"], abs=0.002)
    lines = _trace(event_id, "--data", "data", cwd=data)
    assert lines.stdout.startswith(f"Event {event_id}\n")


def test_events_are_listed_to_choose_one_from(data: Path) -> None:
    done = _trace("--slowest", "--data", "data", cwd=data)
    assert len(done.stdout.splitlines()) == 11
    host = str(_slowest(data)["host"])
    of_host = json.loads(_trace("--host", host.upper(), "--json", "--data", "data", cwd=data).stdout)
    assert {each["host"] for each in of_host} == {host}
    assert "no such event" in _trace("--rule", "no rule has this title", "--data", "data", cwd=data).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give an EVENT_ID"),
        (("5f0c", "--slowest"), "not both"),
        (("ffffffffffff",), "no event in"),
        (("5f0c1e", "--jaeger", "http://127.0.0.1:9"), "the whole id"),
        (("--slowest", "--jaeger", "http://127.0.0.1:9"), "no --jaeger"),
        (("--slowest", "0"), "no number above 0"),
    ],
)
def test_what_cannot_be_asked_is_said(data: Path, arguments: tuple[str, ...], said: str) -> None:
    done = _trace(*arguments, "--data", "data", cwd=data)
    assert done.returncode == 2
    assert said in done.stderr


def test_events_that_nobody_timed_say_so(tmp_path: Path) -> None:
    assert tocsin("run", "--count", 300, "--trace", "off", cwd=tmp_path).returncode == 0
    [found] = json.loads(_trace("--slowest", 1, "--json", cwd=tmp_path).stdout)
    assert found["seconds"] is None
    assert "trace.policy was off" in _trace(str(found["event_id"]), cwd=tmp_path).stderr
