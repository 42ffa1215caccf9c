"""Notice what stages have to say while they run: classify of its rules, store of what works beside it."""

from pathlib import Path

from tocsin.telemetry.meter import HELPERS, read_figures


class News:
    """Notes of classify that were not there when each of its processes began, and all on what works beside a stage;
    each is told once while it holds."""

    def __init__(self, figures_folder: Path) -> None:
        self._folder = figures_folder
        self._pids: set[int] = set()
        self._held: set[str] = set()  # at the last look

    def look(self) -> list[str]:
        """Return what is new since the last look."""
        news: dict[str, None] = {}
        of_stage = [figures for figures in read_figures(self._folder) if figures.stage in ("classify", HELPERS)]
        for figures in of_stage:
            if figures.pid in self._pids or figures.stage == HELPERS:
                news |= dict.fromkeys(note for note in figures.notes if note not in self._held)
        self._pids.update(figures.pid for figures in of_stage)
        self._held = {note for figures in of_stage for note in figures.notes}
        return list(news)
