"""Read YAML documents from a file, knowing the line of every key."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tocsin.errors import RuleError
from tocsin.yaml_text import refuse_too_deep

_MAX_NODES = 100_000  # of a document with its aliases; the largest rule of SigmaHQ has 5,000


class _Loader(yaml.CSafeLoader):
    """The safe loader, which refuses a key that stands twice in one map instead of dropping the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                problem = f"key '{key.value}' stands twice in the same map: the first would be lost"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class Document:
    """One YAML document: its content, its text, and where its keys stand."""

    path: str
    content: Any
    text: str
    node: yaml.Node

    @property
    def line(self) -> int:
        return self.node.start_mark.line + 1

    def line_of(self, *keys: str | int) -> int:
        """Return the line (from 1) of the key reached by these keys; of the last one found where one is missing."""
        node, line = self.node, self.line
        for key in keys:
            found = _child(node, key)
            if found is None:
                return line
            line, node = found
        return line

    def keys_under(self, name: str) -> Iterator[tuple[str, Any, int]]:
        """Yield every key below a top-level key, at any depth, as (key, plain value, line)."""
        found = _child(self.node, name)
        if found is not None and isinstance(self.content, dict):
            yield from _walk(found[1], self.content.get(name))


def read_documents(path: Path) -> Iterator[Document]:
    """Yield the documents of a YAML file. Raises RuleError, with file and line, for what is not YAML in UTF-8."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise RuleError(str(path), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RuleError(str(path), f"is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    try:
        refuse_too_deep(text)
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from error
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                return
            if "&" in text:  # no alias without an anchor
                _nodes_with_aliases(node, {})
            content = loader.construct_document(node)
            yield Document(str(path), content, text[node.start_mark.index : node.end_mark.index], node)
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from error
    except (ValueError, RecursionError) as error:
        raise RuleError(str(path), f"is not usable YAML: {error}") from error
    finally:
        loader.dispose()


def _nodes_with_aliases(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the nodes below a node, those of an alias each time. Raises ValueError for what a few lines blow up to."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = _MAX_NODES + 1  # until it is counted: it would stand within itself
    children: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        children = node.value
    elif isinstance(node, yaml.MappingNode):
        children = [part for pair in node.value for part in pair]
    count = 1 + sum(_nodes_with_aliases(child, known) for child in children)
    if count > _MAX_NODES:
        raise ValueError(f"its aliases (*name) stand for more than {_MAX_NODES:,} values")
    known[id(node)] = count
    return count


def _not_yaml(path: Path, error: yaml.YAMLError) -> RuleError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return RuleError(f"{path}:{mark.line + 1}" if mark else str(path), f"is not valid YAML: {problem}")


def _child(node: yaml.Node, key: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return name.start_mark.line + 1, value
    return None


def _walk(node: yaml.Node, content: Any) -> Iterator[tuple[str, Any, int]]:
    if isinstance(node, yaml.SequenceNode) and isinstance(content, list):
        for item, value in zip(node.value, content, strict=True):
            yield from _walk(item, value)
    if isinstance(node, yaml.MappingNode) and isinstance(content, dict):
        for key, item in node.value:
            name = key.value if isinstance(key.value, str) else ""
            yield name, content.get(name), key.start_mark.line + 1
            yield from _walk(item, content.get(name))
