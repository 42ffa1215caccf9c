"""All of compose.yaml runs: events go from one container to another, a killed one comes back, each is stored once."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.command import tocsin
from tests.containers.engine import EngineError, docker_environment
from tests.containers.images import missing
from tests.ledger import Ledger, digest
from tests.services import skip_or_fail
from tests.sources.simulator.simulated import run as simulate
from tocsin.sources.simulator import SimulatorSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

_ROOT = Path(__file__).resolve().parents[2]
_IMAGE = "tocsin-tests/tocsin"
_EVENTS = 12_000
_RATE = 400
_OURS = f"""\
services:
  produce: {{command: [produce, --count, "{_EVENTS}", --rate, "{_RATE}"]}}
"""


class _Compose:
    """`docker compose` on our file, with the stand-ins and what the test asks for."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        (folder / "compose.test.yaml").write_text(_OURS)
        files = (
            _ROOT / "compose.yaml",
            _ROOT / "tests/containers/compose.stand-ins.yaml",
            folder / "compose.test.yaml",
        )
        self._command = [
            "docker",
            "compose",
            "-p",
            "tocsin-test",
            "--profile",
            "metrics",
            *(f"--file={file}" for file in files),
        ]
        self._environment = dict(environment)
        self.handed_over: list[str] = []  # volumes that a container got from the one before; `down` leaves them

    def __call__(self, *arguments: str, timeout: float = 300) -> str:
        return self.docker(*self._command, *arguments, timeout=timeout)

    def docker(self, *command: str, timeout: float = 60) -> str:
        done = subprocess.run(
            command, cwd=_ROOT, env=self._environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def containers(self, service: str) -> list[str]:
        return self("ps", "--quiet", service).split()

    def state(self, container: str) -> dict[str, Any]:
        (found,) = json.loads(self.docker("docker", "inspect", container))
        return {**found["State"], "RestartCount": found["RestartCount"]}

    def volumes(self, container: str) -> list[str]:
        return self.docker("docker", "inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", container).split()

    def lag(self) -> list[dict[str, Any]]:
        lags: list[dict[str, Any]] = json.loads(self("exec", "-T", "store", "tocsin", "lag", "--json"))
        return lags


@pytest.fixture
def compose(tmp_path: Path) -> Iterator[_Compose]:
    try:
        with docker_environment() as environment:
            absent = missing(environment)
            if absent:
                raise EngineError(f"these images are not there: {', '.join(absent)}")
            compose = _Compose(environment, tmp_path)
            try:
                yield compose
            finally:
                compose("down", "--volumes", "--remove-orphans")
                ours = "label=org.opencontainers.image.title=Tocsin"
                for volume in compose.handed_over:
                    compose.docker("docker", "volume", "rm", "--force", volume)
                compose.docker("docker", "image", "prune", "--force", "--filter", ours)  # those that a build replaced
    except EngineError as error:
        skip_or_fail(f"needs Docker, Compose and images that `make services` makes, as root on Debian: {error}")


def _until(compose: _Compose, what: str, holds: Callable[[], bool], seconds: float = 240) -> None:
    """Ask until it holds; a command that fails says that it does not hold yet."""
    deadline = time.monotonic() + seconds
    failure = ""
    while True:
        try:
            if holds():
                return
        except AssertionError as error:
            failure = str(error)
        if time.monotonic() > deadline:
            logs = compose("logs", "--no-color", "--tail", "40")
            pytest.fail(f"not within {seconds:.0f} s: {what}\n{failure}\n{logs}")
        time.sleep(1.0)


@pytest.mark.minutes(4)
def test_events_go_from_container_to_container_and_each_is_stored_once(compose: _Compose, tmp_path: Path) -> None:
    compose("up", "--build", "--detach", "--wait", "--scale", "classify=2", "--scale", "store=2", timeout=600)
    assert len(compose.containers("classify")) == 2
    _until(compose, "both classify have partitions", lambda: _have_partitions(compose, "classify", 2))

    victim = compose.containers("classify")[0]
    os.kill(compose.state(victim)["Pid"], signal.SIGKILL)  # as a crash; `docker kill` would count as a stop
    _until(compose, "the killed one is there again", lambda: compose.state(victim)["RestartCount"] >= 1)

    names = _names_on_kafka(compose, "classify")
    recreated = ("--detach", "--wait", "--no-deps", "--force-recreate", "--scale", "classify=2", "classify")
    compose.handed_over = [volume for each in compose.containers("classify") for volume in compose.volumes(each)]
    compose("up", *recreated)
    assert _names_on_kafka(compose, "classify") == names  # in its volume, which the new container has got
    assert len(names) == 2

    def is_all_stored() -> bool:
        counted = compose("exec", "-T", "store", "tocsin", "query", "--json", "SELECT count(*) AS n FROM events")
        return bool(json.loads(counted)[0]["n"] >= _EVENTS) and not sum(lag["records"] for lag in compose.lag())

    _until(
        compose, "Prometheus sees each container", lambda: _seen_by_prometheus(compose) == {"classify": 2, "store": 2}
    )
    _until(compose, "all is stored", is_all_stored)
    stages = {"tocsin-produce", "tocsin-classify", "tocsin-store"}
    _until(compose, "Jaeger has spans of every stage", lambda: _services_of_jaeger(compose) >= stages)
    compose("stop", "store")
    compose("cp", "store:/var/lib/tocsin", str(tmp_path / "data"))
    expected = Counter(digest(record.value) for record in simulate(SimulatorSettings(count=_EVENTS))[0])
    Ledger.of(tmp_path / "data").check(expected)


def test_the_image_scans_logs_and_has_neither_compiler_nor_tests_nor_rights(compose: _Compose, tmp_path: Path) -> None:
    compose("build", "topics", timeout=600)
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "fleet.jsonl").write_bytes(
        b"\n".join(record.value for record in simulate(SimulatorSettings(count=2_000))[0])
    )
    for path in (tmp_path.parent, tmp_path, logs):
        path.chmod(0o755)
    run = ("docker", "run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", f"--volume={logs}:/logs:ro")
    found = compose.docker(*run, _IMAGE, "scan", "/logs", "--format", "jsonl")
    ours = tocsin("scan", "logs", "--format", "jsonl", cwd=tmp_path).stdout
    assert _fired(found) == _fired(ours) != []
    assert _fired(compose.docker(*run, "--user=4321:4321", _IMAGE, "scan", "/logs", "--format", "jsonl")) == _fired(
        ours
    )
    inside = ("docker", "run", "--rm", "--entrypoint=sh", _IMAGE, "-c")
    assert compose.docker(*inside, "id -u; which cc gcc g++ pip || true").split() == ["10001"]
    absent = "import importlib.util as i; print([n for n in ('pytest', 'mypy', 'tests', 'pip') if i.find_spec(n)])"
    assert compose.docker("docker", "run", "--rm", "--entrypoint=python", _IMAGE, "-c", absent).strip() == "[]"


def _names_on_kafka(compose: _Compose, service: str) -> set[str]:
    command = ("cat", "/var/lib/tocsin/kafka/installation")
    return {compose.docker("docker", "exec", each, *command) for each in compose.containers(service)}


def _fired(lines: str) -> list[tuple[str, str]]:
    return sorted((each["rule"]["title"], each["event_id"]) for each in map(json.loads, lines.splitlines()))


def _seen_by_prometheus(compose: _Compose) -> dict[str, int]:
    """Return how many processes are well, by stage; `produce` may have ended by now."""
    address = "http://localhost:9090/api/v1/query?query=sum+by+(stage)+(tocsin_healthy)"
    answer = json.loads(compose("exec", "-T", "prometheus", "wget", "-qO-", address))
    counted = {each["metric"]["stage"]: int(each["value"][1]) for each in answer["data"]["result"]}
    counted.pop("produce", None)
    return counted


def _services_of_jaeger(compose: _Compose) -> set[str]:
    ask = "import urllib.request as u; print(u.urlopen('http://jaeger:16686/api/v3/services').read().decode())"
    return set(json.loads(compose("exec", "-T", "store", "python", "-c", ask))["services"] or ())


def _have_partitions(compose: _Compose, service: str, members: int) -> bool:
    logs: Sequence[str] = compose("logs", "--no-color", service).splitlines()
    return len({line.split("|")[0] for line in logs if "partitions come" in line}) >= members
