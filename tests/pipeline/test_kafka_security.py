"""TLS, SCRAM and rights on a real Kafka: what fits works; what does not is one clear error, and no storm of retries."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from tests.certificates import make_authority
from tests.command import query, tocsin
from tests.kafka.broker import Cluster
from tests.kafka.secure import ADMIN, APP, allow, client_properties, secure_cluster

pytestmark = pytest.mark.slow

_TOPICS = ("raw-events", "classified-events", "alerts", "dead-letters", "labels", "store-commits", "source-positions")
_LEAST = [
    *((ResourceType.TOPIC, topic, AclOperation.READ) for topic in _TOPICS),
    *((ResourceType.TOPIC, topic, AclOperation.WRITE) for topic in _TOPICS),
    (ResourceType.GROUP, "tocsin-", AclOperation.READ),
    (ResourceType.TRANSACTIONAL_ID, "tocsin-", AclOperation.WRITE),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secure")


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[Cluster]:
    with secure_cluster(folder) as cluster:
        yield cluster


def _environment(folder: Path, user: str, **other: str) -> dict[str, str]:
    properties = {**client_properties(folder, user), **other}
    return {f"TOCSIN_KAFKA_{name.upper().replace('.', '_')}": value for name, value in properties.items()}


def _produce(tmp_path: Path, cluster: Cluster, environment: dict[str, str]) -> tuple[int, str]:
    done = tocsin(
        "produce", "--count", 50, "--bus", cluster.url, "--data", "data",
        cwd=tmp_path, environment=environment, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_a_wrong_password_is_one_clear_error(tmp_path: Path, folder: Path, cluster: Cluster) -> None:
    code, said = _produce(tmp_path, cluster, _environment(folder, APP, **{"sasl.password": "wrong-one"}))
    assert code == 2
    assert said.count("\n") == 1
    assert "SASL authentication error" in said
    assert "check `sasl.username`, `sasl.password`" in said
    assert "wrong-one" not in said


def test_a_wrong_authority_is_one_clear_error(tmp_path: Path, folder: Path, cluster: Cluster) -> None:
    make_authority(folder, "other")
    code, said = _produce(
        tmp_path, cluster, _environment(folder, APP, **{"ssl.ca.location": str(folder / "other.pem")})
    )
    assert code == 2
    assert said.count("\n") == 1
    assert "certificate verify failed" in said
    assert "check `ssl.ca.location`" in said


def test_rights_that_are_missing_are_one_clear_error_and_the_least_ones_are_enough(
    tmp_path: Path, folder: Path, cluster: Cluster
) -> None:
    place = ("--bus", cluster.url, "--data", "data")
    admin, app = _environment(folder, ADMIN), _environment(folder, APP)
    assert tocsin("topics", "create", *place, cwd=tmp_path, environment=admin).returncode == 0
    code, said = _produce(tmp_path, cluster, app)
    assert (code, said.count("\n")) == (2, 1), said
    assert "Authorization failed" in said or "authorization failed" in said
    allow(cluster, APP, _LEAST[:-1])
    code, said = _produce(tmp_path, cluster, app)
    assert (code, said.count("\n")) == (2, 1), said
    assert "give this user WRITE on transactional ids that begin with `tocsin-`" in said
    allow(cluster, APP, _LEAST)
    code, said = _produce(tmp_path, cluster, app)
    assert code == 0, said
    for stage in ("classify", "store"):
        done = tocsin(stage, "--until-idle", 1, *place, cwd=tmp_path, environment=app)
        assert done.returncode == 0, done.stderr
    assert query(tmp_path / "data", "SELECT count(*) AS events FROM events") == [{"events": 50}]
