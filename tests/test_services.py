"""`make services` says what is there and where."""

import shutil
import subprocess
from pathlib import Path

_SERVICES = Path(__file__).parent / "services.sh"
_SHELL = ("sh", "cat", "cmp", "dirname")
_THERE = ("chromium", "java", "mvn", "go")


def test_each_service_is_named_with_its_place_or_with_what_is_missing(tmp_path: Path) -> None:
    programs, cache = tmp_path / "bin", tmp_path / "cache" / "tocsin-tests"
    (cache / "kafka").mkdir(parents=True)
    shutil.copy(_SERVICES.parent / "kafka" / "jars.sha256", cache / "kafka" / ".ready")
    (cache / "jaeger").mkdir()
    (cache / "jaeger" / ".version").write_text("v1.76.0\n")
    programs.mkdir()
    for name in _SHELL:
        (programs / name).symlink_to(str(shutil.which(name)))
    for path in (*(programs / name for name in (*_THERE, "id")), cache / "jaeger" / "jaeger"):
        path.write_text("#!/bin/sh\necho 1000\n")  # the user, of `id`: one who may install nothing
        path.chmod(0o755)
    environment = {"PATH": str(programs), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(["sh", str(_SERVICES)], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "services: missing here: strace; so tests of a loss of power will be skipped."
        " Install it, such as with: sudo apt-get install strace",
        f"services: Chromium, for tests that look at pages: {programs}/chromium",
        f"services: Apache Kafka: {cache}/kafka, on {programs}/java",
        f"services: Jaeger v1.76.0: {cache}/jaeger/jaeger",
    ]
