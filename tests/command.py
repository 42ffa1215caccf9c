"""Run the real command, as a user would."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_started: list[tuple["subprocess.Popen[bytes]", Path]] = []


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
    """Start `tocsin ARGUMENTS` in a folder; its output goes to `output.txt` there. It ends with the test."""
    with (cwd / "output.txt").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tocsin", *map(str, arguments)], cwd=cwd, stdout=output, stderr=output
        )
    _started.append((process, cwd / "output.txt"))
    return process


def kill_what_runs() -> None:
    """Kill what `start_tocsin` has started and still runs, as where a test has failed; print what it last said."""
    for process, output in _started:
        if process.poll() is None:
            process.kill()
            process.wait()
            print(f"{process.args!r} still ran; it last said:", output.read_text(errors="replace")[-3000:], sep="\n")
            for log in sorted(output.parent.glob("*/logs/*.log")):
                print(f"{log}:", log.read_text(errors="replace")[-3000:], sep="\n")
    _started.clear()


def query(data: Path, sql: str) -> list[dict[str, Any]]:
    """Ask the store in a data directory."""
    done = tocsin("query", "--data", data, "--json", sql, cwd=data)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows
