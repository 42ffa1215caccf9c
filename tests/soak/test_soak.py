"""The soak, bounded: some of each kind of fault on a real Kafka; the whole of it is `make soak`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kafka.broker import kafka_or_skip
from tests.soak.plan import KINDS

_SECONDS = float(os.environ.get("TOCSIN_SOAK_SECONDS") or 600)

pytestmark = [pytest.mark.slow, pytest.mark.minutes(_SECONDS / 60 + 1), pytest.mark.timeout(2 * _SECONDS + 600)]


def test_faults_of_every_kind_lose_and_double_nothing(tmp_path: Path) -> None:
    kafka_or_skip()
    command = [sys.executable, "-m", "tests.soak", "--seconds", str(_SECONDS), "--results", str(tmp_path / "results")]
    environment = {name: value for name, value in os.environ.items() if name != "TOCSIN_SOAK_SECONDS"}
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "results" / "report.json").read_text())
    assert (report["lost"], report["doubled"], report["failures"]) == (0, 0, [])
    assert report["records"] > report["dead_letters"] > 0
    missing = [kind for kind in KINDS if not report["faults"][kind]["done"]]
    assert not missing, f"these did not happen: {missing}"
