"""Rule files are read by several processes as by one."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.rules.writing import ATTACK, rule_text
from tocsin.rules import many_files
from tocsin.rules.load import load_pack
from tocsin.rules.pack import Pack
from tocsin.rules.preparation import UNPREPARED, Preparation

FILES = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rules in files of one or two documents; some of them broken, some with the id of another one, some filters."""
    for number in range(FILES):
        text = rule_text(f"A|contains: text {number % 30}", title=f"Rule {number}")
        match number % 8:
            case 1:
                text = rule_text("A|containz: x")
            case 2:
                text += "---\n" + rule_text(f"B: {number}", title=f"Second {number}")
            case 3:
                text = rule_text("User|expand: '%admins%'", title=f"Rule {number}")
            case 4:
                text = f"title: Filter {number}\nlogsource: {{product: windows}}\n" + (
                    "filter: {rules: any, f: {C: 1}, condition: not f}\n"
                )
            case 5:
                text = "a: [\n"
        (tmp_path / f"{number:03}.yml").write_text(text)
    return tmp_path


def described(pack: Pack) -> dict[str, Any]:
    return {
        "rules": [vars(rule) for rule in pack.rules],
        "filters": pack.filters,
        "errors": [str(error) for error in pack.errors],
    }


@pytest.fixture
def helpers(monkeypatch: pytest.MonkeyPatch) -> list["subprocess.Popen[bytes]"]:
    """Return a list of the processes that help."""
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def remembered(*arguments: Any, **others: Any) -> "subprocess.Popen[bytes]":
        started.append(start(*arguments, **others))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", remembered)
    return started


@pytest.mark.parametrize("preparation", [UNPREPARED, Preparation({"admins": ("ann", "bob")})])
def test_three_processes_read_what_one_reads_in_the_same_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch, helpers: list["subprocess.Popen[bytes]"], preparation: Preparation
) -> None:
    alone = load_pack([folder], ATTACK, preparation=preparation)
    assert helpers == []
    monkeypatch.setattr(many_files, "_FILES_EACH", FILES // 3)
    monkeypatch.setattr(many_files, "cores", lambda: 3)
    seen: list[tuple[str, int, int]] = []
    together = load_pack([folder], ATTACK, preparation=preparation, on_progress=lambda *far: seen.append(far))
    assert described(together) == described(alone)
    assert (len(helpers), len(alone.errors) >= 10, len(alone.filters)) == (2, True, 5)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert all(helper.poll() is not None for helper in helpers)


def test_what_nobody_can_be_started_for_is_read_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, start = load_pack([folder], ATTACK), subprocess.Popen
    started: list[subprocess.Popen[bytes]] = []

    def refused(*arguments: Any, **others: Any) -> "subprocess.Popen[bytes]":
        if started:
            raise BlockingIOError("Resource temporarily unavailable")
        started.append(start(*arguments, **others))
        return started[0]

    monkeypatch.setattr(many_files, "_FILES_EACH", FILES // 3)
    monkeypatch.setattr(many_files, "cores", lambda: 3)
    monkeypatch.setattr(subprocess, "Popen", refused)
    assert described(load_pack([folder], ATTACK)) == described(alone)
    assert started[0].poll() is not None


def test_what_a_killed_helper_did_not_read_is_read_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = load_pack([folder], ATTACK)
    start = subprocess.Popen

    def killed(*arguments: Any, **others: Any) -> "subprocess.Popen[bytes]":
        process = start(*arguments, **others)
        os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(many_files, "_FILES_EACH", FILES // 2)
    monkeypatch.setattr(many_files, "cores", lambda: 2)
    monkeypatch.setattr(subprocess, "Popen", killed)
    assert described(load_pack([folder], ATTACK)) == described(alone)
