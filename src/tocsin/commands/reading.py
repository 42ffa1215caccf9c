"""What commands that read files say of what they read, and how they end."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tocsin.plain import counted
from tocsin.supervisor import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from tocsin.sources.report import FilesReport
    from tocsin.stages.scan import Counts

EXIT_NOTHING_READ = 1

_NAMED = 5


def notes_of(counts: "Counts", report: "FilesReport", is_stopped: Callable[[], bool]) -> list[str]:
    """Say what could not be read, sentence by sentence; file names in it are as they came."""
    notes = [
        f"{counted(number, 'record')} could not be read: {reason},"
        f" the first at {':'.join(counts.first_unreadable[reason])}"
        for reason, number in counts.unreadable.most_common()
    ]
    if unknown := counts.formats["unknown"]:
        events, them = ("1 event is", "it") if unknown == 1 else (f"{unknown:,} events are", "them")
        notes.append(f"{events} of no known format: only rules without a product see {them}")
    notes += [f"skipped `{path}`: a copy of `{original}`" for path, original in report.copies]
    if report.ignored:
        names = ", ".join(report.ignored[:_NAMED]) + (", …" if len(report.ignored) > _NAMED else "")
        ignored = counted(len(report.ignored), "file was", "files were")
        notes.append(f"{ignored} ignored by name, as no log: {names}")
    notes += report.problems
    if is_stopped():
        notes.append("interrupted: this is what was found until then")
    if not counts.events:
        notes.append("not one event could be read: give .evtx files or JSON Lines, or a folder that holds some")
    return notes


def exit_code(counts: "Counts", is_stopped: Callable[[], bool]) -> int:
    """Return 0 where at least one event was read, whatever was found in it."""
    if is_stopped():
        return EXIT_INTERRUPTED
    return 0 if counts.events else EXIT_NOTHING_READ
