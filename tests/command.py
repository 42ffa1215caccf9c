"""Run the real command, as a user would."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def tocsin(
    *arguments: object, cwd: Path, environment: dict[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `tocsin ARGUMENTS` in a folder and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "tocsin", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start_tocsin(*arguments: object, cwd: Path) -> "subprocess.Popen[bytes]":
    """Start `tocsin ARGUMENTS` in a folder; its output goes to `output.txt` there."""
    with (cwd / "output.txt").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tocsin", *map(str, arguments)], cwd=cwd, stdout=output, stderr=output
        )


def query(data: Path, sql: str) -> list[dict[str, Any]]:
    """Ask the store in a data directory."""
    done = tocsin("query", "--data", data, "--json", sql, cwd=data)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows
