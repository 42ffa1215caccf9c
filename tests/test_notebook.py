"""The notebook runs from its first cell to its last by the command of the docs, on a store that the pipeline made."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).resolve().parents[1]
_NOTEBOOK = _CHECKOUT / "notebooks" / "statistics.ipynb"
_DOCS = _CHECKOUT / "docs" / "how-to" / "statistics.md"


@pytest.mark.slow
def test_the_notebook_shows_the_statistics_of_a_simulated_run(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    shutil.copy(_NOTEBOOK, tmp_path / "notebooks")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    run = [sys.executable, "-m", "tocsin", "run", "--data", "tocsin-data", "--count", "20000"]
    subprocess.run(run, cwd=tmp_path, check=True, capture_output=True)
    (command,) = [line for line in _DOCS.read_text().splitlines() if "jupyter execute" in line]
    environment = os.environ | {"IPYTHONDIR": str(tmp_path / "ipython")}
    shell = ["/bin/sh", "-c", command]
    ended = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-4000:]
    shown = tmp_path / "notebooks" / "shown.ipynb"
    outputs = [output for cell in json.loads(shown.read_text())["cells"] for output in cell.get("outputs", ())]
    kinds = Counter(kind for output in outputs for kind in output.get("data", {}))
    printed = "".join("".join(output.get("text", "")) for output in outputs)
    assert kinds["image/png"] == 6
    assert "20,000 events" in printed
    assert "phish-to-credentials  8  The memory of LSASS is dumped by comsvcs.dll" in printed


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads(_NOTEBOOK.read_text())["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.skipif(not (_CHECKOUT / ".git").exists(), reason="not a checkout")
def test_what_the_command_makes_is_ignored_by_git() -> None:
    ignored = subprocess.run(["git", "check-ignore", "--quiet", "notebooks/shown.ipynb"], cwd=_CHECKOUT)
    assert ignored.returncode == 0
