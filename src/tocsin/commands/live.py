"""Show a run while it works: a live view on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from tocsin.pipeline.progress import Progress
from tocsin.plain import LEVEL_STYLES, plain

if TYPE_CHECKING:
    from rich.console import Group

_LINE_SECONDS = 5.0
_DRAW_SECONDS = 0.25
_BAR_WIDTH = 30


class View(Protocol):
    """Shows progress, and sentences on what happened."""

    def __enter__(self) -> "View": ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def show(self, progress: Progress, happened: Sequence[str]) -> None: ...


def view_for_stdout() -> View:
    """Return the live view where standard output is a terminal, plain lines where not."""
    return LiveView() if sys.stdout.isatty() else LineView()


class LineView:
    """A line every five seconds, and one for each thing that happened."""

    def __init__(self) -> None:
        self._next_line = time.monotonic() + _LINE_SECONDS

    def __enter__(self) -> "LineView":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, progress: Progress, happened: Sequence[str]) -> None:
        for sentence in happened:
            print(plain(sentence), flush=True)
        if time.monotonic() < self._next_line:
            return
        self._next_line = time.monotonic() + _LINE_SECONDS
        rates = " ".join(f"{stage}={rate:,.0f}/s" for stage, rate in progress.rates.items())
        print(
            f"Running. produced={progress.produced:,} classified={progress.classified:,} stored={progress.stored:,}"
            f" {rates} lag={_lag(progress, progress.classify_lag + progress.store_lag)} alerts={progress.alerts:,}"
            f" dead_letters={progress.dead_letters:,}",
            flush=True,
        )


def _lag(progress: Progress, offsets: int) -> str:
    """Return a lag as it is known: on Kafka it has markers of transactions in it, too."""
    return f"{offsets:,}" if progress.is_lag_exact or not offsets else f"≤{offsets:,}"


class LiveView:
    """Rates and lag by stage, tactics of the alerts, the latest alerts."""

    def __init__(self) -> None:
        from rich.live import Live

        self._live = Live(auto_refresh=False, transient=True)
        self._next_drawing = 0.0

    def __enter__(self) -> "LiveView":
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, progress: Progress, happened: Sequence[str]) -> None:
        for sentence in happened:
            self._live.console.print(plain(sentence), markup=False, highlight=False)
        if time.monotonic() < self._next_drawing:
            return
        self._next_drawing = time.monotonic() + _DRAW_SECONDS
        self._live.update(_drawing(progress), refresh=True)


def _drawing(progress: Progress) -> "Group":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    stages = Table(title="Tocsin", title_justify="left", expand=False)
    for name in ("stage", "records", "a second", "lag"):
        stages.add_column(name, justify="left" if name == "stage" else "right")
    rows = (
        ("produce", progress.produced, "-"),
        ("classify", progress.classified, _lag(progress, progress.classify_lag)),
        ("store", progress.stored, _lag(progress, progress.store_lag)),
    )
    for stage, records, lag in rows:
        stages.add_row(stage, f"{records:,}", f"{progress.rates.get(stage, 0):,.0f}", lag)
    tactics = Table(title=f"Alerts by tactic ({progress.alerts:,} alerts)", title_justify="left")
    tactics.add_column("tactic")
    tactics.add_column("alerts", justify="right")
    tactics.add_column("", width=_BAR_WIDTH)
    most = max(progress.tactics.values(), default=1)
    for name, count in progress.tactics.most_common():
        tactics.add_row(name, f"{count:,}", Text("█" * max(1, count * _BAR_WIDTH // most), style="red"))
    alerts = Table(title="Last alerts", title_justify="left")
    for name in ("time (UTC)", "level", "rule", "host"):
        alerts.add_column(name, no_wrap=True)
    for alert in progress.last_alerts:
        alerts.add_row(
            alert.time[:19].replace("T", " "),
            Text(alert.level, style=LEVEL_STYLES[alert.level]),
            Text(plain(alert.title, 60)),
            Text(plain(alert.host, 40)),
        )
    return Group(stages, tactics, alerts)
