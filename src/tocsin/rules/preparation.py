"""What users give beside their rules: values of placeholders, and processing pipelines in pySigma's format."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.errors import ConfigError

Variables = Mapping[str, tuple[str, ...]]  # name of a placeholder -> its values, written as in a rule


@dataclass(frozen=True)
class Preparation:
    """What is done with rules. `pipelines`: their YAML, in the order they are applied in."""

    variables: Variables
    pipelines: tuple[tuple[str, str], ...] = ()  # file, text
    tuning: tuple[Path, ...] = ()  # files; each rule that they change has a digest of its own

    @property
    def digest(self) -> str:
        """Name variables and pipelines by 16 hex digits: other ones make other rules of the same text."""
        named = repr((sorted(self.variables.items()), [text for _, text in self.pipelines]))
        return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:16]


UNPREPARED = Preparation({})


def read_preparation(variables: Sequence[Path], pipelines: Sequence[Path], tuning: Sequence[Path] = ()) -> Preparation:
    """Read files of variables and of pipelines. Raises ConfigError with all that is wrong."""
    problems = [f"tuning: there is no file `{path}`" for path in tuning if not path.is_file()]
    values: dict[str, tuple[str, ...]] = {}
    for path in variables:
        values |= _variables(path, problems)
    texts = [(str(path), text) for path in pipelines if (text := _text(path, problems)) is not None]
    if problems:
        raise ConfigError(*problems)
    return Preparation(values, tuple(texts), tuple(tuning))


def _variables(path: Path, problems: list[str]) -> dict[str, tuple[str, ...]]:
    text = _text(path, problems)
    if text is None:
        return {}
    import yaml  # here, for most have no variables

    from tocsin.yaml_text import load_yaml

    try:
        content: Any = load_yaml(text)
    except yaml.YAMLError as error:
        problems.append(f"variables: `{path}` is not valid YAML: {error}")
        return {}
    if not isinstance(content, dict):
        problems.append(f"variables: `{path}` must be a map from names to values, such as `Administrators: [ann, bob]`")
        return {}
    found = {}
    for name, written in content.items():
        values = written if isinstance(written, list) else [written]
        if not values or not all(isinstance(value, (str, int, float)) for value in values):
            problems.append(f"variables: `{path}`: `{name}` needs a text or a number, or a list of them")
        else:
            found[str(name).strip("%")] = tuple(map(_written, values))
    return found


def _written(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(path: Path, problems: list[str]) -> str | None:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        problems.append(f"`{path}` cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"`{path}` is not UTF-8")
    return None
