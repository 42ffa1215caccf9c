"""What became of the files: read, skipped, ignored, and what was wrong with which."""

from collections import Counter
from dataclasses import dataclass, field

from tocsin.errors import DecodeError
from tocsin.sources.portion import Portion


@dataclass
class FilesReport:
    """Filled while the files are read."""

    files: int = 0  # begun, or gone on with
    records: int = 0  # handed on
    empty_lines: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)  # reason -> how many
    copies: list[tuple[str, str]] = field(default_factory=list)  # skipped, and of which file each is a copy
    already_read: list[str] = field(default_factory=list)  # whole, by an earlier run
    ignored: list[str] = field(default_factory=list)  # in a folder, under a name that is not a log's
    problems: list[str] = field(default_factory=list)  # which file, what is wrong, what to do

    def take(self) -> "FilesReport":
        """Return what was reported since the last call, and begin anew."""
        taken = FilesReport(**vars(self))
        vars(self).update(vars(FilesReport()))
        return taken

    def add_report(self, other: "FilesReport") -> None:
        """Add what another reader reported."""
        self.files += other.files
        self.records += other.records
        self.empty_lines += other.empty_lines
        self.dead_letters.update(other.dead_letters)
        self.copies += other.copies
        self.already_read += other.already_read
        self.ignored += other.ignored
        self.problems += (problem for problem in other.problems if problem not in self.problems)

    @property
    def lines(self) -> int:
        """The lines read, of files of lines."""
        return self.records + self.empty_lines + self.dead_letters.total()

    def add(self, portion: Portion) -> None:
        self.records += len(portion.records)
        self.empty_lines += portion.empty_lines
        self.dead_letters.update(portion.reasons)

    def add_problem(self, path: str, what: str, to_do: str) -> None:
        problem = f"{path}: {what}; {to_do}"
        if problem not in self.problems:
            self.problems.append(problem)

    def add_damage(self, path: str, damage: DecodeError) -> None:
        """Add what makes the rest of a file unreadable."""
        to_do = "what lies before is read; copy the file once more, then only the rest will be read"
        self.add_problem(path, damage.detail, to_do)

    def add_os_problem(self, path: str, error: OSError) -> None:
        """Add what the system said of a file or folder."""
        if isinstance(error, PermissionError):
            self.add_problem(path, "may not be read", "run as a user who may, or leave it out")
        elif isinstance(error, FileNotFoundError):
            self.add_problem(path, "has vanished", "what it held after the last position is not read")
        else:
            self.add_problem(path, f"cannot be read ({error.strerror or error})", "mend that and read it again")
