"""The order of tests, and who runs them, where several processes share the work."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

_ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: one for each process, behind it a short one, for two are given out at first."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = sorted(filter(_minutes, items), key=_minutes, reverse=True)
    short = [item for item in items if not _minutes(item)]
    items[:] = long[:processes] + short[:processes] + long[processes:] + short[processes:]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Refine `--dist loadscope`."""
    return _Scheduling(config, log) if config.getvalue("dist") == "loadscope" else None


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # its base has no types
    """Gives tests out one by one, but those of a file together that make something once for all of them."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _makes_something_for_all(file) else nodeid


@cache
def _makes_something_for_all(file: str) -> bool:
    return 'scope="module"' in (_ROOT / file).read_text()


def _minutes(item: pytest.Item) -> float:
    mark = item.get_closest_marker("minutes")
    return float(mark.args[0]) if mark else 0.0
