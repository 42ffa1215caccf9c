"""Real logs, whole and broken on purpose: every record has one row, or is a dead letter with the right reason."""

import gzip
from pathlib import Path

import pytest
from tests.broken import break_some
from tests.command import tocsin
from tests.ledger import Ledger, digest, records_of_files

pytestmark = pytest.mark.slow

_FILES = ("otrf/compound/LSASS_campaign_06", "hayabusa", "evtx-attack-samples/Execution")
_LONG_LINE = b'{"EventID":1,"Message":"' + b"x" * 50_000_000 + b'"}'


def test_a_thousand_broken_records_among_real_ones_are_accounted_for(tmp_path: Path, shared_data: Path) -> None:
    paths = [path for name in _FILES for path in sorted((shared_data / "events" / name).rglob("*.jsonl.gz"))]
    lines = [line for path in paths for line in gzip.decompress(path.read_bytes()).split(b"\n") if line]
    broken = break_some(lines, count=1000, seed=20260112)
    half = len(lines) // 2
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "first.jsonl").write_bytes(b"\n".join([*broken.lines[:half], _LONG_LINE]) + b"\n")
    (logs / "second.jsonl.gz").write_bytes(gzip.compress(b"\r\n".join(broken.lines[half:]), 1))
    (logs / "copy.jsonl").write_bytes(b"\r\n".join(broken.lines[half:]))
    done = tocsin("run", "--input", "logs", "--data", "data", cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    ledger = Ledger.of(tmp_path / "data")
    ledger.check(records_of_files([logs / "first.jsonl", logs / "second.jsonl.gz"]))
    expected = [reason for reason in broken.reasons.values() if reason] + ["too_large"]
    assert sorted(ledger.reasons.elements()) == sorted(expected)
    assert ledger.dead[digest(_LONG_LINE)] == 1
    assert done.stdout.count("a copy of") == 1


def test_every_record_of_real_evtx_files_has_one_row(tmp_path: Path, evtx_originals: Path) -> None:
    paths = sorted((evtx_originals / "evtx-attack-samples" / "Execution").rglob("*.evtx"))
    assert paths
    done = tocsin("run", "--input", *paths, "--data", "data", cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    Ledger.of(tmp_path / "data").check(records_of_files(paths))
