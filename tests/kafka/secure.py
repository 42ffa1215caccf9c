"""A Kafka that asks for TLS, SCRAM and rights, as a company's does; certificates are made by openssl for each test."""

from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.certificates import make_authority, make_certificate
from tests.kafka.broker import Cluster

ADMIN, APP = "admin", "app"


def password_of(user: str) -> str:
    return f"{user}-password"


def secure_cluster(folder: Path) -> Cluster:
    """Return a cluster of one node whose users are ADMIN, who may do all, and APP, who may do nothing yet."""
    folder.mkdir(parents=True, exist_ok=True)
    make_authority(folder, "ca")
    make_certificate(folder, "ca", "broker")
    cluster = Cluster(folder / "kafka", properties=_properties(folder))
    cluster.secure(
        options=[
            option
            for user in (ADMIN, APP)
            for option in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={password_of(user)}]")
        ],
        client_properties=client_properties(folder, ADMIN),
    )
    return cluster


def client_properties(folder: Path, user: str) -> dict[str, str]:
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": password_of(user),
        "ssl.ca.location": str(folder / "ca.pem"),
    }


def allow(cluster: Cluster, user: str, rights: list[tuple[ResourceType, str, AclOperation]]) -> None:
    """Give a user rights on everything of a kind whose name begins so."""
    admin = AdminClient({"bootstrap.servers": cluster.servers, "log_level": 0, **cluster.client_properties})
    bindings = [
        AclBinding(kind, name, ResourcePatternType.PREFIXED, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
        for kind, name, operation in rights
    ]
    for future in admin.create_acls(bindings).values():
        future.result(10)


def _properties(folder: Path) -> dict[str, str]:
    login = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return {
        "listener.security.protocol.map": "PLAINTEXT:SASL_SSL,CONTROLLER:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.controller.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.plaintext.scram-sha-512.sasl.jaas.config": (
            f'{login} required username="{ADMIN}" password="{password_of(ADMIN)}";'
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{ADMIN};User:CN=broker",
    }
