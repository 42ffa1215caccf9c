"""Read users' own log formats from YAML files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tocsin.errors import ConfigError
from tocsin.event import Logsource
from tocsin.schema.log_format import LogFormat, LogFormats

_KEYS = ("name", "when", "logsource", "fields", "time", "host", "user")
_LOGSOURCE_KEYS = ("product", "service", "category")


def read_formats(paths: Sequence[Path]) -> LogFormats | None:
    """Return the formats in these files, None where no file is given. Raises ConfigError with all that is wrong."""
    if not paths:
        return None
    problems: list[str] = []
    formats = [one for path in paths for one in _formats_of(path, problems)]
    if problems:
        raise ConfigError(*problems)
    return LogFormats(formats)


def _formats_of(path: Path, problems: list[str]) -> list[LogFormat]:
    import yaml  # here, for most have no format of their own

    from tocsin.yaml_text import load_yaml

    try:
        content = load_yaml(path.read_text("utf-8-sig"))
    except OSError as error:
        problems.append(f"formats: `{path}` cannot be read: {error.strerror}")
        return []
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problems.append(f"formats: `{path}` is not valid YAML: {error}")
        return []
    if not isinstance(content, list) or not content:
        problems.append(f"formats: `{path}` must be a list of formats, each with `when` and `logsource`")
        return []
    found = []
    for number, entry in enumerate(content, 1):
        wrong = _wrong_with(entry)
        problems.extend(f"formats: `{path}`, entry {number}: {reason}" for reason in wrong)
        if not wrong:
            found.append(_format_of(entry, f"{path.stem}-{number}"))
    return found


def _wrong_with(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return [f"a format is a map with {', '.join(_KEYS)}"]
    wrong = [f"unknown key `{key}`; known are {', '.join(_KEYS)}" for key in entry if key not in _KEYS]
    when, logsource, fields = entry.get("when"), entry.get("logsource"), entry.get("fields", {})
    if not isinstance(when, dict) or not when or not all(_is_scalar(value) for value in when.values()):
        wrong.append("`when` says which records are meant: a map from paths to values, or to null for any value")
    if not isinstance(logsource, dict) or not logsource or not all(_is_named(*pair) for pair in logsource.items()):
        wrong.append(f"`logsource` is a map with {', '.join(_LOGSOURCE_KEYS)}, as a rule has it")
    if not isinstance(fields, dict) or not all(map(_is_path, fields.values())):
        wrong.append("`fields` is a map from the names that rules use to paths in the record, such as `process.name`")
    for key in ("time", "host", "user"):
        if not all(map(_is_path, _listed(entry.get(key)))):
            wrong.append(f"`{key}` is a path such as `process.name`, or a list of them, best first")
    return wrong


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and all(value.split("."))


def _is_named(key: Any, value: Any) -> bool:
    return key in _LOGSOURCE_KEYS and isinstance(value, str)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _format_of(entry: Mapping[str, Any], name: str) -> LogFormat:
    when = {str(path): value for path, value in entry["when"].items()}
    logsource = {key: value.lower() for key, value in entry["logsource"].items()}
    categories = (logsource["category"],) if "category" in logsource else ()
    return LogFormat(
        name=str(entry.get("name", name)),
        logsource=Logsource(logsource.get("product", ""), logsource.get("service", ""), categories),
        has=tuple(when),
        where={path: _written(value) for path, value in when.items() if value is not None},
        fields={str(name): path for name, path in entry.get("fields", {}).items()},
        times=tuple(_listed(entry.get("time"))),
        hosts=tuple(_listed(entry.get("host"))),
        users=tuple(_listed(entry.get("user"))),
    )


def _written(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
