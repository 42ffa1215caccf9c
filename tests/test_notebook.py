"""The notebook runs from its first cell to its last, on a store that the pipeline made."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

_NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "statistics.ipynb"


@pytest.mark.slow
def test_the_notebook_shows_the_statistics_of_a_simulated_run(tmp_path: Path) -> None:
    data, shown = tmp_path / "data", tmp_path / "shown.ipynb"
    run = [sys.executable, "-m", "tocsin", "run", "--data", str(data), "--count", "20000"]
    subprocess.run(run, check=True, capture_output=True)
    execute = [str(Path(sys.executable).with_name("jupyter-execute")), "--output", str(shown), str(_NOTEBOOK)]
    checkout = _NOTEBOOK.parents[1]
    environment = os.environ | {"TOCSIN_DATA": os.path.relpath(data, checkout), "IPYTHONDIR": str(tmp_path)}
    ended = subprocess.run(execute, cwd=checkout, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-4000:]
    outputs = [output for cell in json.loads(shown.read_text())["cells"] for output in cell.get("outputs", ())]
    kinds = Counter(kind for output in outputs for kind in output.get("data", {}))
    printed = "".join("".join(output.get("text", "")) for output in outputs)
    assert kinds["image/png"] == 6
    assert "20,000 events" in printed
    assert "phish-to-credentials  8  The memory of LSASS is dumped by comsvcs.dll" in printed


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads(_NOTEBOOK.read_text())["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
