"""Settings: flags over environment over `tocsin.toml` over defaults; every mistake reported at once."""

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.errors import ConfigError
from tocsin.kafka_properties import PREFIX as KAFKA_PREFIX
from tocsin.kafka_properties import KafkaProperty, kafka_properties
from tocsin.suggestion import did_you_mean
from tocsin.telemetry.steps import SPANS_OF_AN_EVENT
from tocsin.verdict import LEVELS

DEFAULT_FILE = Path("tocsin.toml")
_PREFIX = "TOCSIN_"
_FILE_VARIABLE = "TOCSIN_CONFIG"
_USERINFO = re.compile(r"(kafka:(?://)?|[a-z]\w*://)?.*@", re.IGNORECASE | re.DOTALL)  # up to the last `@`
_NOT_SETTINGS = {
    _FILE_VARIABLE,
    "TOCSIN_FAILPOINT",
    "TOCSIN_REQUIRE_DATA",
    "TOCSIN_REQUIRE_SERVICES",
    "TOCSIN_TEST_KAFKA",
}


@dataclass(frozen=True)
class Setting:
    """One setting: its key in `tocsin.toml`, how its text is read, its default and what it means."""

    key: str  # "section.name", or a plain name
    read: Callable[[str], Any]  # raises ValueError with what is allowed
    default: str  # as text, read like any other
    help: str
    is_list: bool = False
    is_secret: bool = False

    @property
    def variable(self) -> str:
        return _PREFIX + self.key.upper().replace(".", "_")


def _text(text: str) -> str:
    return text


def _path(text: str) -> Path:
    if not text:
        raise ValueError("a path is needed")
    return Path(text)


def _bus(text: str) -> str:
    scheme, _, place = text.partition(":")
    if scheme == "kafka":
        _check_servers(place.removeprefix("//"))
    elif text and (scheme != "file" or not place):
        raise ValueError("file:DIR or kafka://HOST:PORT is needed, such as kafka://localhost:9092")
    return text


def _check_servers(servers: str) -> None:
    if "@" in servers:
        raise ValueError(
            "name and password are not taken from there, where logs and `ps` show them: set sasl.username and"
            " sasl.password in [kafka] (docs/how-to/kafka.md), and give kafka://HOST:PORT alone"
        )
    for server in servers.split(","):
        host, _, port = server.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536 or "/" in host:
            raise ValueError("kafka://HOST:PORT is needed, several with commas between, and nothing else")


def _whole(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    allowed = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def read(text: str) -> int:
        number = int(text) if text.lstrip("-").isdecimal() else minimum - 1
        if number < minimum or (maximum is not None and number > maximum):
            raise ValueError(f"a whole number {allowed} is needed")
        return number

    return read


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError("a number above 0 is needed")
    return number


def _spans_a_second(text: str) -> float:
    number = _positive(text)
    if number < SPANS_OF_AN_EVENT:
        raise ValueError(f"a number of {SPANS_OF_AN_EVENT} or more is needed: so many spans has an event")
    return number


def _not_negative(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ValueError("a number of at least 0 is needed")
    return number


def _share(text: str) -> float:
    share = _not_negative(text)
    if share > 1:
        raise ValueError("a number from 0 to 1 is needed")
    return share


def _optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: read(text) if text else None


def _choice(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)} is needed")
        return text

    return read


def _switch(text: str) -> bool:
    return _choice("true", "false")(text.lower()) == "true"


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or "[" in host or not port.isascii() or not port.isdecimal() or int(port) > 65_535:
        raise ValueError("HOST:PORT is needed, such as 127.0.0.1:9464; port 0 takes a free one")
    return host, int(port)


def _timezone(text: str) -> tzinfo:
    try:
        return UTC if text == "UTC" else ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("a time zone such as Europe/Berlin is needed") from error


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("a time such as 2026-01-12T06:00:00Z is needed") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _burst(text: str) -> tuple[float, float]:
    rate, _, seconds = text.partition(":")
    try:
        return _positive(rate), _positive(seconds)
    except ValueError as error:
        raise ValueError("RATE:SECONDS is needed, such as 20000:30") from error


SETTINGS: tuple[Setting, ...] = (
    Setting("data", _path, "tocsin-data", "directory that holds the embedded log, the store and all state"),
    Setting(
        "bus", _bus, "", "where the topics are: file:DIR, or kafka://HOST:PORT (default: `bus` in the data directory)"
    ),
    Setting("topics.partitions", _whole(1, 1024), "4", "partitions of each topic, when it is made"),
    Setting("topics.replication", _optional(_whole(1, 100)), "", "copies of each topic (default: as Kafka is set)"),
    Setting("topics.retention_hours", _positive, "168", "how long records that every group has read are kept"),
    Setting("topics.retention_gb", _positive, "4", "how much of a topic is kept, GB compressed"),
    Setting("produce.rate", _optional(_positive), "", "simulated events a second (default: as fast as possible)"),
    Setting("produce.burst", _optional(_burst), "", "RATE:SECONDS, the rate for the first seconds"),
    Setting("produce.count", _whole(0), "100000", "simulated events in all; 0 goes on until stopped"),
    Setting("produce.seed", _whole(0), "1", "the same seed gives the same events, byte for byte"),
    Setting("produce.run", _text, "default", "name of the simulated run; another name gives other event ids"),
    Setting("produce.hosts", _whole(1), "50", "hosts in the simulated fleet"),
    Setting("produce.attacks", _text, "all", "attacks to weave in: all, none, or names, with commas between"),
    Setting(
        "produce.format",
        _choice("evtx-json", "flat-windows", "winlogbeat", "winlogbeat6"),
        "evtx-json",
        "form of the events: evtx-json, flat-windows, winlogbeat or winlogbeat6",
    ),
    Setting("produce.start", _instant, "2026-01-12T06:00:00Z", "simulated time of the first event"),
    Setting("produce.speed", _not_negative, "1", "how fast to replay; 10 is ten times as fast, 0 does not wait"),
    Setting("produce.max_gap", _positive, "60", "the longest silence between events of a recording, in seconds"),
    Setting("produce.name", _text, "", "name under which Kafka keeps where inputs were left (default: its own)"),
    Setting("produce.spool_gb", _positive, "1", "how much of a live stream is kept on disk while Kafka is away, GB"),
    Setting("produce.spool_full", _choice("block", "drop"), "block", "when that is full: block the stream, or drop"),
    Setting("produce.again", _switch, "false", "read files that are copies of ones already read"),
    Setting("classify.rules", _path, "", "more Sigma rules: files or folders", is_list=True),
    Setting("classify.variables", _path, "", "values of placeholders in your rules: YAML files", is_list=True),
    Setting("classify.pipelines", _path, "", "pySigma processing pipelines for your rules, in order", is_list=True),
    Setting("classify.tuning", _path, "", "levels, on or off, exceptions of rules: YAML files", is_list=True),
    Setting("classify.builtin", _switch, "true", "use the built-in pack of rules"),
    Setting("classify.alert_level", _choice(*LEVELS), "medium", "detections of this level or above are alerts"),
    Setting("classify.formats", _path, "", "your own log formats: YAML files", is_list=True),
    Setting("classify.timezone", _timezone, "UTC", "time zone of event times that name none"),
    Setting("classify.reload_seconds", _not_negative, "2", "how often your rules are looked at for changes; 0: never"),
    Setting("classify.max_dead_ratio", _share, "0.8", "share of unreadable records that stops classify; 1: never"),
    Setting("classify.dead_window", _whole(1), "10000", "records over which that share is taken"),
    Setting("classify.workers", _whole(1, 256), "1", "processes that classify"),
    # A block of the embedded bus, 500 records, is not cut: below 10 a second it would wait for over a minute.
    Setting("classify.max_rate", _optional(_whole(10)), "", "events a second at most, of all its processes together"),
    Setting("scan.workers", _optional(_whole(1, 256)), "", "processes that scan (default: by cores and input)"),
    Setting("store.workers", _whole(1, 256), "1", "processes that store"),
    Setting("store.retention_days", _positive, "90", "how long stored events are kept"),
    Setting("store.retention_gb", _positive, "50", "how much is stored at most, GB"),
    Setting("store.grace_seconds", _positive, "60", "how long a replaced file stays: the longest query"),
    Setting("store.merge_files", _whole(2), "100", "so many small segments of a day are merged into one"),
    Setting("store.csv_mb", _positive, "128", "size at which a new CSV file is begun, MB"),
    Setting(
        "trace.policy", _choice("alerts", "all", "off"), "alerts", "events whose traces are sent: alerts, all, off"
    ),
    Setting("trace.ratio", _share, "0.01", "share of the other events whose traces are sent with those of alerts"),
    Setting("trace.max_spans", _spans_a_second, "2000", "spans a second at most that are sent, unless all are"),
    Setting("metrics.listen", _optional(_listen), "", "HOST:PORT to serve /metrics and /health at (default: nowhere)"),
)
_BY_KEY = {setting.key: setting for setting in SETTINGS}


@dataclass(frozen=True)
class Value:
    """A setting's value with where it was said: flag, environment variable, file, or default."""

    setting: Setting
    value: Any
    text: str  # as it was said; lists joined as in an environment variable
    source: str

    def shown(self) -> str:
        """Return the value as text; secrets masked."""
        if self.setting.is_secret and self.value:
            return "********"
        return self.text


class Config(Mapping[str, Any]):
    """All settings by key."""

    def __init__(self, values: Mapping[str, Value], kafka: Mapping[str, KafkaProperty]) -> None:
        self.values_by_key = values
        self.kafka = kafka  # librdkafka properties by name

    def __getitem__(self, key: str) -> Any:
        return self.values_by_key[key].value

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_key)

    def __len__(self) -> int:
        return len(self.values_by_key)

    @property
    def data(self) -> Path:
        folder: Path = self["data"]
        return folder

    @property
    def figures_folder(self) -> Path:
        return self.data / "figures"

    @property
    def log_folder(self) -> Path:
        return self.data / "logs"

    @property
    def store_folder(self) -> Path:
        return self.data / "store"

    def as_environment(self) -> dict[str, str]:
        """Return the variables that hand all these settings to a child process, which then reads no file."""
        variables = {value.setting.variable: value.text for value in self.values_by_key.values()}
        properties = {each.variable: each.value for each in self.kafka.values()}
        return {**variables, **properties, _FILE_VARIABLE: os.devnull}

    @property
    def kafka_servers(self) -> str:
        """HOST:PORT of the Kafka cluster, with commas between; "" where the bus is the embedded one."""
        url: str = self["bus"]
        return url.removeprefix("kafka:").removeprefix("//") if url.startswith("kafka:") else ""

    @property
    def kafka_folder(self) -> Path:
        """What one installation keeps of its own when its bus is Kafka."""
        return self.data / "kafka"

    @property
    def spool_folder(self) -> Path:
        """What a live stream is kept in until Kafka has it."""
        return self.data / "spool"

    @property
    def bus_folder(self) -> Path:
        """The folder of the embedded bus."""
        url: str = self["bus"]
        return Path(url.removeprefix("file:")) if url else self.data / "bus"


def load_config(
    flags: Mapping[str, str | list[str] | None],
    environment: Mapping[str, str] = os.environ,
    file: str | None = None,
    kafka_flags: Sequence[str] = (),
) -> Config:
    """Settle every setting. `flags` holds those given on the command line by key.

    The file is `file`, else what TOCSIN_CONFIG names, else `tocsin.toml` where the command was started. Raises
    ConfigError with everything that is wrong: unknown keys, values that cannot be read, a file that is not TOML.
    """
    problems: list[str] = []
    named = (file, "--config") if file else (environment.get(_FILE_VARIABLE), _FILE_VARIABLE)
    said_in_file, kafka_table, path = _read_file(*named, problems)
    values = {}
    _check_environment(environment, problems)
    for setting in SETTINGS:
        text, source = _said(setting, flags, environment, said_in_file, str(path))
        try:
            values[setting.key] = Value(setting, _parse(setting, text), _joined(text), source)
        except ValueError as error:
            problems.append(f"{source}: {setting.key} is `{_without_userinfo(_joined(text))}`; {error}")
    kafka = kafka_properties(kafka_table, str(path), environment, list(kafka_flags), problems)
    if problems:
        raise ConfigError(*problems)
    return Config(values, kafka)


def _said(
    setting: Setting,
    flags: Mapping[str, str | list[str] | None],
    environment: Mapping[str, str],
    said_in_file: Mapping[str, Any],
    file_name: str,
) -> tuple[str | list[str], str]:
    """Return the text that counts for a setting, and where it was said."""
    flag = flags.get(setting.key)
    if flag is not None:
        return flag, "command line"
    if setting.variable in environment:
        text = environment[setting.variable]
        return (text.split(os.pathsep) if setting.is_list else text), f"environment variable {setting.variable}"
    if setting.key in said_in_file:
        said = said_in_file[setting.key]
        return ([str(part) for part in said] if isinstance(said, list) else _toml_text(said)), file_name
    return setting.default, "default"


def _parse(setting: Setting, text: str | list[str]) -> Any:
    if setting.is_list:
        parts = [text] if isinstance(text, str) else text
        if any(os.pathsep in part for part in parts):
            raise ValueError(f"`{os.pathsep}` separates paths, and can be in none of them")
        return tuple(setting.read(part) for part in parts if part)
    if isinstance(text, list):
        raise ValueError("one value is needed, not a list")
    return setting.read(text)


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else os.pathsep.join(text)


def _without_userinfo(text: str) -> str:
    """Return what may be shown of a text that might be an address with a name and a password in it."""
    return _USERINFO.sub(r"\1********@", text)


def _toml_text(said: object) -> str:
    return str(said).lower() if isinstance(said, bool) else str(said)


def _read_file(named: str | None, by: str, problems: list[str]) -> tuple[dict[str, Any], dict[str, Any], Path]:
    """Return what is said by key, the table `[kafka]`, and the path of the file."""
    path = Path(named) if named else DEFAULT_FILE
    if not path.exists():
        if named:
            problems.append(f"{by}: there is no file `{path}`")
        return {}, {}, path
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        problems.append(f"{path}: is not text in UTF-8; save it as such")
        return {}, {}, path
    except OSError as error:
        problems.append(f"{path}: {error.strerror}")
        return {}, {}, path
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{path}: {error}")
        return {}, {}, path
    said: dict[str, Any] = {}
    kafka = tables.pop("kafka", {})
    if not isinstance(kafka, dict):
        problems.append(f"{path}: `kafka` must be a table of librdkafka properties: [kafka]")
        kafka = {}
    for name, part in tables.items():
        said |= {f"{name}.{key}": value for key, value in part.items()} if isinstance(part, dict) else {name: part}
    problems += [f"{path}: unknown key `{key}`{did_you_mean(key, _BY_KEY)}" for key in said if key not in _BY_KEY]
    return said, kafka, path


def _check_environment(environment: Mapping[str, str], problems: list[str]) -> None:
    known = {setting.variable for setting in SETTINGS} | _NOT_SETTINGS
    for variable in sorted(environment):
        if variable.startswith(_PREFIX) and not variable.startswith(KAFKA_PREFIX) and variable not in known:
            problems.append(f"environment: unknown variable `{variable}`{did_you_mean(variable, known)}")
