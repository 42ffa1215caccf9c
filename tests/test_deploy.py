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
from tocsin.event import RAW_EVENTS
from tocsin.pipeline.topology import CLASSIFY_GROUP

_ROOT = Path(__file__).resolve().parents[1]
_KUBERNETES = _ROOT / "deploy" / "kubernetes"
_PORT = 9464


class _Strict(yaml.SafeLoader):
    """Refuses a key that is there twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"twice the same key: {keys}, {node.start_mark}"
        return super().construct_mapping(node, deep)


_COMPOSE = yaml.load((_ROOT / "compose.yaml").read_text(), _Strict)
_MANIFESTS = [
    document
    for path in sorted(_KUBERNETES.rglob("*.yaml"))
    for document in yaml.load_all(path.read_text(), _Strict)
    if document is not None
]
_PODS = [
    (each["metadata"]["name"], each["spec"]["template"]) for each in _MANIFESTS if "template" in each.get("spec", {})
]


def _named(kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in _MANIFESTS if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return dict(found)


def _ours() -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Yield name, command and variables of every container that runs us."""
    for name, service in _COMPOSE["services"].items():
        if service["image"] == "tocsin":
            yield f"compose: {name}", service["command"], service["environment"]
    for name, pod in _PODS:
        (container,) = pod["spec"]["containers"]
        yield f"kubernetes: {name}", container["args"], _variables(container)


def _variables(container: dict[str, Any]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for source in container["envFrom"]:
        if "configMapRef" in source:
            variables |= _named("ConfigMap", source["configMapRef"]["name"])["data"]
        else:
            assert source["secretRef"]["optional"], "nobody has made it yet"
    return variables | {each["name"]: each["value"] for each in container.get("env", ())}


@pytest.mark.parametrize(("name", "command", "variables"), list(_ours()), ids=lambda value: str(value)[:40])
def test_each_command_and_variable_is_one_of_ours(name: str, command: list[str], variables: dict[str, str]) -> None:
    _parser().parse_args(command)
    config = load_config({}, environment={key: value for key, value in variables.items() if key.startswith("TOCSIN")})
    assert config["bus"].startswith("kafka://"), name
    if command[0] != "topics":
        assert config["metrics.listen"] == ("0.0.0.0", _PORT)


def test_what_is_commented_out_for_sasl_are_settings_too() -> None:
    text = (_KUBERNETES / "01-settings.yaml").read_text()
    said = dict(re.findall(r"# (TOCSIN_KAFKA_\w+): (\S+)", text)) | {"TOCSIN_KAFKA_SASL_PASSWORD": "x"}
    config = load_config({}, environment=said)
    assert config.kafka.keys() == {"security.protocol", "sasl.mechanism", "sasl.username", "sasl.password"}
    assert "TOCSIN_KAFKA_SASL_PASSWORD=" in (_ROOT / "docs" / "how-to" / "kubernetes.md").read_text()


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


@pytest.mark.parametrize(("name", "pod"), _PODS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_pod_may_do_nothing_and_gets_no_variables_that_are_no_settings(name: str, pod: dict[str, Any]) -> None:
    spec = pod["spec"]
    assert spec["enableServiceLinks"] is False, "a Service named tocsin-web would set TOCSIN_WEB_PORT: refused"
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"]
    (container,) = spec["containers"]
    rights = container["securityContext"]
    assert rights["readOnlyRootFilesystem"] and rights["capabilities"] == {"drop": ["ALL"]}
    assert rights["allowPrivilegeEscalation"] is False
    assert container["resources"]["limits"].keys() == {"cpu", "memory"}


@pytest.mark.parametrize(("name", "pod"), _PODS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_stage_is_asked_at_the_port_and_page_that_it_has(name: str, pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    if container["args"][0] == "topics":
        return
    assert container["ports"] == [{"name": "metrics", "containerPort": _PORT}]
    assert container["livenessProbe"]["httpGet"] == {
        "path": "/live",
        "port": "metrics",
    }  # not well is no reason to kill
    assert container["startupProbe"]["httpGet"] == {"path": "/metrics", "port": "metrics"}
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(_PORT)


def test_selectors_find_the_pods() -> None:
    stages = {"classify": "Deployment", "produce": "Deployment", "store": "StatefulSet"}
    for name, kind in stages.items():
        spec = _named(kind, f"tocsin-{name}")["spec"]
        assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"], name
    service = _named("Service", _named("StatefulSet", "tocsin-store")["spec"]["serviceName"])
    assert service["spec"]["selector"] == {"app": "tocsin-store"}


def test_it_is_scaled_by_the_lag_of_our_group_up_to_the_partitions() -> None:
    scaling = _named("ScaledObject", "tocsin-classify")["spec"]
    assert _named("Deployment", scaling["scaleTargetRef"]["name"])
    (trigger,) = scaling["triggers"]
    metadata = trigger["metadata"]
    assert (metadata["consumerGroup"], metadata["topic"]) == (f"tocsin-{CLASSIFY_GROUP}", RAW_EVENTS)
    assert f"kafka://{metadata['bootstrapServers']}" == _named("ConfigMap", "tocsin")["data"]["TOCSIN_BUS"]
    command = _named("Job", "tocsin-topics")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert scaling["maxReplicaCount"] == int(command[command.index("--partitions") + 1])


def test_prometheus_asks_every_stage_where_it_answers() -> None:
    (job,) = yaml.load((_ROOT / "deploy" / "prometheus.yaml").read_text(), _Strict)["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    stages = {name for name, service in _COMPOSE["services"].items() if service["image"] == "tocsin"} - {"topics"}
    assert (set(found["names"]), found["port"]) == (stages, _PORT)


def test_the_dashboard_asks_for_figures_that_there_are() -> None:
    dashboard = json.loads((_ROOT / "deploy" / "grafana" / "dashboards" / "tocsin.json").read_text())
    exposition = (_ROOT / "src" / "tocsin" / "telemetry" / "exposition.py").read_text()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            for name in re.findall(r"\b(?:tocsin|kafka)_\w+", target["expr"]):
                assert re.sub(r"_(total|bucket)$", "", name) in exposition, name
