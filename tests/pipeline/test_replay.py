"""A recording played through the whole pipeline is stored as of now, and marked."""

import json
import time
from pathlib import Path

from tests.command import query, tocsin


def test_a_recording_is_stored_as_of_now_and_marked(tmp_path: Path) -> None:
    recorded = [
        {"EventID": 4688, "Channel": "Security", "EventTime": f"2019-02-13 18:01:4{second}", "NewProcessName": "a.exe"}
        for second in range(3)
    ]
    (tmp_path / "day.jsonl").write_text("".join(json.dumps(event) + "\n" for event in [*recorded, {"a": 1}]))
    before = time.time()
    done = tocsin("run", "--replay", "day.jsonl", "--speed", 10, "--data", "data", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 record without a readable time" in done.stdout
    sql = "SELECT epoch(time) AS at, flags, time_source FROM events ORDER BY time"
    rows = query(tmp_path / "data", sql)
    assert len(rows) == 4
    assert all("replayed" in row["flags"] for row in rows)
    assert all(before - 2 < row["at"] < time.time() + 2 for row in rows)
    assert sorted(row["time_source"] for row in rows) == ["EventTime"] * 3 + ["ingest"]


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    for options, what in (
        (("--replay", "a", "--input", "b"), "leave out one of them"),
        (("--speed", "2"), "--speed needs --replay"),
        (("--replay", "a", "--hosts", "3"), "--hosts is for simulated events, and --replay reads files"),
        (("--replay", "a", "--again"), "--replay plays everything each time"),
        (("--replay", "nowhere"), "no file or folder at `nowhere`"),
        (("--replay", "a", "--speed", "-1"), "a number of at least 0 is needed"),
    ):
        done = tocsin("produce", *options, cwd=tmp_path)
        assert (done.returncode, what in done.stderr) == (2, True), done.stderr
