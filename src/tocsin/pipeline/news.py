"""Notice what the classify stage has to say of its rules while it runs."""

from pathlib import Path

from tocsin.telemetry.meter import read_figures


class News:
    """Notes of the stage that were not there when each of its processes began; each is told once."""

    def __init__(self, figures_folder: Path) -> None:
        self._folder = figures_folder
        self._pids: set[int] = set()
        self._known: set[str] = set()

    def look(self) -> list[str]:
        """Return what is new since the last look."""
        news: dict[str, None] = {}
        for figures in read_figures(self._folder):
            if figures.stage == "classify" and figures.pid in self._pids:
                news |= dict.fromkeys(note for note in figures.notes if note not in self._known)
            if figures.stage == "classify":
                self._pids.add(figures.pid)
                self._known.update(figures.notes)
        return list(news)
