"""Read YAML of whoever wrote it: nothing in it may build objects, or take the stack of the parser, written in C."""

from typing import Any, cast

import yaml

_MOST_NESTED = 100
_OPENING = "[{-?"  # what nests without blanks before it
_HARMLESS = 1_000
_DEEP_LINE = "\n" + " " * (_MOST_NESTED + 1)


def refuse_too_deep(text: str) -> None:
    """Raise YAMLError where collections are nested too deep; it also is raised for what is no YAML.

    libyaml's parser puts one after the other, but who makes values of them recurses: 50,000 brackets end the process.
    """
    if sum(map(text.count, _OPENING)) <= _HARMLESS and _DEEP_LINE not in text:
        return
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MOST_NESTED:
            mark = cast("yaml.Mark", event.start_mark)
            problem = f"lists and maps are nested more than {_MOST_NESTED} deep"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def load_yaml(text: str) -> Any:
    """Return the value of a text of one document. Raises YAMLError."""
    refuse_too_deep(text)
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except (RecursionError, ValueError) as error:
        raise yaml.YAMLError(str(error)) from error
