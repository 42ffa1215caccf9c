"""librdkafka properties out of the settings file, the environment, files of secrets and the command line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.kafka_names import FIXED, PERMITTED, is_harmless, is_secret

PREFIX = "TOCSIN_KAFKA_"
_FILE = ".file"  # `sasl.password.file` names the file that holds `sasl.password`
_COMMAND_LINE = "command line"


@dataclass(frozen=True)
class KafkaProperty:
    """One property, with where it was said."""

    name: str  # as librdkafka spells it: `sasl.username`
    value: str
    source: str

    def shown(self) -> str:
        """Return the value, masked unless it is known that anybody may see it."""
        return self.value if is_harmless(self.name) else "********"

    @property
    def place(self) -> str:
        """Where a mistake in it is to be mended."""
        return f"{self.source}: {'--kafka ' if self.source == _COMMAND_LINE else 'kafka.'}{self.name}"

    @property
    def variable(self) -> str:
        return _variable(self.name)


def kafka_properties(
    file_table: Mapping[str, Any], file_name: str, environment: Mapping[str, str], flags: list[str], problems: list[str]
) -> dict[str, KafkaProperty]:
    """Return the properties by name; flags count over the environment, that over the file.

    `file_table`: the table `[kafka]`. What is wrong is added to `problems`.
    """
    said = list(_of_table(file_table, file_name, problems))
    said += [
        KafkaProperty(_name_of(name), value, f"environment variable {name}")
        for name, value in sorted(environment.items())
        if name.startswith(PREFIX)
    ]
    said += _of_flags(flags, problems)
    properties: dict[str, KafkaProperty] = {}
    for each in said:
        is_file = each.name.endswith(_FILE) and each.name not in PERMITTED
        kept = _read_from_file(each, problems) if is_file else each
        if kept is not None:
            properties[kept.name] = kept
    problems += [f"{each.place} cannot be set: {FIXED[name]}" for name, each in properties.items() if name in FIXED]
    return properties


def _variable(name: str) -> str:
    return PREFIX + name.upper().replace(".", "_")


_BY_VARIABLE = {_variable(name): name for name in PERMITTED}  # `log_level` has an underscore of its own


def _name_of(variable: str) -> str:
    return _BY_VARIABLE.get(variable) or variable.removeprefix(PREFIX).lower().replace("_", ".")


def _of_flags(flags: list[str], problems: list[str]) -> Iterator[KafkaProperty]:
    for flag in flags:
        name, equals, value = flag.partition("=")
        each = KafkaProperty(name.strip(), value, _COMMAND_LINE)
        if not equals or not each.name:
            problems.append(f"command line: --kafka {name}: NAME=VALUE is needed, such as security.protocol=SASL_SSL")
        elif is_secret(each.name) and not each.name.endswith(_FILE):
            problems.append(
                f"{each.place}: everybody on this machine can read it there; set"
                f" {each.variable}, or --kafka {each.name}{_FILE}=FILE"
            )
        else:
            yield each


def _read_from_file(said: KafkaProperty, problems: list[str]) -> KafkaProperty | None:
    try:
        value = Path(said.value).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{said.place}: `{said.value}` cannot be read: {error}")
        return None
    return KafkaProperty(said.name.removesuffix(_FILE), value, f"{said.source}, file {said.value}")


def _of_table(
    table: Mapping[str, Any], file_name: str, problems: list[str], before: str = ""
) -> Iterator[KafkaProperty]:
    """Yield properties with dotted names: TOML makes tables of `security.protocol = ...` where it is not quoted."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _of_table(value, file_name, problems, f"{before}{name}.")
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        said = KafkaProperty(before + name, text, file_name)
        if isinstance(value, str | int | float):
            yield said
        else:
            problems.append(
                f"{said.place}: a text, a number, true or false is needed; several stand in one text, a,b,c"
            )
