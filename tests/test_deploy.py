"""What the files of deployment say of us is true: each command, option, variable and port is one that there is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tocsin.cli import _parser
from tocsin.config import load_config

_ROOT = Path(__file__).resolve().parents[1]
_COMPOSE = yaml.safe_load((_ROOT / "compose.yaml").read_text())
_MANIFESTS = sorted((_ROOT / "deploy" / "kubernetes").glob("*.yaml"))


def _ours() -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Yield name, command and variables of every container that runs us."""
    for name, service in _COMPOSE["services"].items():
        if service["image"] == "tocsin":
            yield f"compose: {name}", service["command"], service["environment"]
    for path in _MANIFESTS:
        for document in yaml.safe_load_all(path.read_text()):
            for container in _containers(document):
                if "tocsin" in container["image"]:
                    variables = {each["name"]: str(each.get("value", "x")) for each in container.get("env", ())}
                    yield f"{path.name}: {container['name']}", container["args"], variables


def _containers(document: Any) -> Iterator[dict[str, Any]]:
    template = (document or {}).get("spec", {}).get("template", {})
    yield from template.get("spec", {}).get("containers", ())


@pytest.mark.parametrize(("name", "command", "variables"), list(_ours()), ids=lambda value: str(value)[:40])
def test_each_command_and_variable_is_one_of_ours(name: str, command: list[str], variables: dict[str, str]) -> None:
    _parser().parse_args(command)
    config = load_config({}, environment={key: value for key, value in variables.items() if key.startswith("TOCSIN")})
    assert config["bus"].startswith("kafka://"), name
    listens = config["metrics.listen"]
    assert listens is None or listens[1] == 9464


def test_scaled_services_have_neither_names_nor_ports_of_the_host() -> None:
    for name in ("produce", "classify", "store"):
        assert not {"container_name", "ports"} & _COMPOSE["services"][name].keys(), name


def test_ports_of_the_host_are_open_to_this_machine_alone() -> None:
    ports = [port for service in _COMPOSE["services"].values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_service_has_limits_and_every_image_a_version() -> None:
    for name, service in _COMPOSE["services"].items():
        assert service["cpus"] and service["mem_limit"], name
        assert service["image"] == "tocsin" or re.search(r":v?\d+\.\d+", service["image"]), name


def test_the_dashboard_asks_for_figures_that_there_are() -> None:
    dashboard = json.loads((_ROOT / "deploy" / "grafana" / "dashboards" / "tocsin.json").read_text())
    exposition = (_ROOT / "src" / "tocsin" / "telemetry" / "exposition.py").read_text()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            for name in re.findall(r"\b(?:tocsin|kafka)_\w+", target["expr"]):
                assert re.sub(r"_(total|bucket)$", "", name) in exposition, name
