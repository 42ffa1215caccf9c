"""What became of the files: read, skipped, ignored, and what was wrong with which."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should know of one file."""

    path: str
    what: str
    to_do: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; {self.to_do}"


@dataclass
class FilesReport:
    """Filled while the files are read."""

    files: int = 0  # begun, in this run or one it goes on from
    records: int = 0  # handed on in this run
    empty_lines: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)  # reason -> how many
    copies: list[tuple[str, str]] = field(default_factory=list)  # skipped, and of which file each is a copy
    already_read: list[str] = field(default_factory=list)  # whole, by an earlier run
    ignored: list[str] = field(default_factory=list)  # neither named by the user nor by a known ending
    problems: list[Problem] = field(default_factory=list)

    def add_problem(self, path: str, what: str, to_do: str) -> None:
        problem = Problem(path, what, to_do)
        if problem not in self.problems:
            self.problems.append(problem)
