"""librdkafka properties out of the settings file, the environment, files of secrets and the command line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PREFIX = "TOCSIN_KAFKA_"
_FILE = ".file"  # `sasl.password.file` names the file that holds `sasl.password`
_SECRET_WORDS = ("password", "secret", "pem", "credential", "jaas", "oauthbearer.config", "token")


@dataclass(frozen=True)
class KafkaProperty:
    """One property, with where it was said."""

    name: str  # as librdkafka spells it: `sasl.username`
    value: str
    source: str

    @property
    def is_secret(self) -> bool:
        return any(word in self.name for word in _SECRET_WORDS) and not self.name.endswith(".location")

    def shown(self) -> str:
        return "********" if self.is_secret else self.value

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper().replace(".", "_")


def kafka_properties(
    file_table: Mapping[str, Any], file_name: str, environment: Mapping[str, str], flags: list[str], problems: list[str]
) -> dict[str, KafkaProperty]:
    """Return the properties by name; flags count over the environment, that over the file.

    `file_table`: the table `[kafka]`. What is wrong is added to `problems`.
    """
    said = [KafkaProperty(name, value, file_name) for name, value in _flattened(file_table)]
    said += [
        KafkaProperty(name.removeprefix(PREFIX).lower().replace("_", "."), value, f"environment variable {name}")
        for name, value in sorted(environment.items())
        if name.startswith(PREFIX)
    ]
    said += _of_flags(flags, problems)
    properties: dict[str, KafkaProperty] = {}
    for each in said:
        kept = _read_from_file(each, problems) if each.name.endswith(_FILE) else each
        if kept is not None:
            properties[kept.name] = kept
    return properties


def _of_flags(flags: list[str], problems: list[str]) -> Iterator[KafkaProperty]:
    for flag in flags:
        name, equals, value = flag.partition("=")
        each = KafkaProperty(name.strip(), value, "command line")
        if not equals or not each.name:
            problems.append(f"command line: --kafka {name}: NAME=VALUE is needed, such as security.protocol=SASL_SSL")
        elif each.is_secret and not each.name.endswith(_FILE):
            problems.append(
                f"command line: --kafka {each.name}: everybody on this machine can read it there; set"
                f" {each.variable}, or --kafka {each.name}{_FILE}=FILE"
            )
        else:
            yield each


def _read_from_file(said: KafkaProperty, problems: list[str]) -> KafkaProperty | None:
    try:
        value = Path(said.value).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{said.source}: kafka.{said.name}: `{said.value}` cannot be read: {error}")
        return None
    return KafkaProperty(said.name.removesuffix(_FILE), value, f"file {said.value}")


def _flattened(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted names: TOML makes tables of `security.protocol = ...` where it is not quoted."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{before}{name}.")
        else:
            yield before + name, str(value).lower() if isinstance(value, bool) else str(value)
