"""Imports point down only, and siblings never import one another."""

import ast
from collections.abc import Iterator
from pathlib import Path

_LAYERS = (
    {"__main__"},
    {"cli"},
    {"commands"},
    {"pipeline", "config", "supervisor"},
    {"sources", "schema", "bus", "rules", "sinks", "stats", "stages"},
    {"flow"},
    {
        "event",
        "dead_letter",
        "download",
        "durable",
        "errors",
        "failpoints",
        "telemetry",
        "timestamps",
        "verdict",
        "plain",
        "seldom",
        "suggestion",
        "kafka_properties",
        "kafka_names",
        "locks",
        "content",
        "child",
        "cores",
        "frames",
        "yaml_text",
    },
)
_MAY_IMPORT_SIBLINGS = _LAYERS[3] | _LAYERS[6]
_LEVEL = {part: level for level, parts in enumerate(_LAYERS) for part in parts}
_PACKAGE = Path(__file__).parents[1] / "src" / "tocsin"


def _imports() -> Iterator[tuple[str, str]]:
    """Yield (importing part, imported part) for each import of the package in itself."""
    for file in _PACKAGE.rglob("*.py"):
        part = file.relative_to(_PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "tocsin":
                yield from ((part, alias.name) for alias in node.names if not alias.name.startswith("__"))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tocsin."):
                yield part, str(node.module).split(".")[1]
            elif isinstance(node, ast.Import):
                yield from ((part, a.name.split(".")[1]) for a in node.names if a.name.startswith("tocsin."))


def _is_allowed(importing: str, imported: str) -> bool:
    if importing == imported or _LEVEL[importing] < _LEVEL[imported]:
        return True
    return _LEVEL[importing] == _LEVEL[imported] and importing in _MAY_IMPORT_SIBLINGS


def test_imports_point_down_only_and_siblings_never_import_one_another() -> None:
    wrong = sorted({f"{a} imports {b}" for a, b in _imports() if not a.startswith("__init") and not _is_allowed(a, b)})
    assert wrong == []
