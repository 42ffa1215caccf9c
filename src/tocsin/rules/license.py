"""The licence of rules that name none themselves: that of the pack they lie in."""

from pathlib import Path

import msgspec

PACK_FILE = "tocsin-rules.json"  # written beside fetched rules

_LICENSE_NAMES = ("license", "licence", "copying")
_LICENSE_SUFFIXES = ("", ".md", ".txt", ".rst")
_READ_BYTES = 65_536

# What only that licence's text says, or a page that gives the rules under it; blanks, commas and case do not count.
_PHRASES = {
    "Detection Rule License 1.1": "detection rule license (drl) 1.1",
    "Detection Rule License 1.0": "detection rule license (drl) 1.0",
    "Apache-2.0": "apache license version 2.0",
    "MIT": "free of charge to any person obtaining a copy of this software",
    "GPL-3.0": "gnu general public license version 3",
}

# SigmaHQ's release archives hold rules alone; its LICENSE in the repository says under which licence these are.
_SOURCES = {
    "https://github.com/sigmahq/sigma/": "Detection Rule License 1.1",
    "https://codeload.github.com/sigmahq/sigma/": "Detection Rule License 1.1",
}


class _Pack(msgspec.Struct):
    license: str = ""


class PackLicenses:
    """Finds the licence of a folder's rules: said in the folder, or else in the nearest one above it.

    A folder says it by `tocsin-rules.json`, or else by a licence file. A repository (`.git`) ends the search: what
    lies above it is another work.
    """

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def of(self, folder: Path) -> str:
        """Return the licence's name; "" where there is none, or one that is not known."""
        folder = folder.absolute()
        if folder not in self._known:
            self._known[folder] = self._find(folder)
        return self._known[folder]

    def _find(self, folder: Path) -> str:
        said = license_in(folder)
        if said is not None:
            return said
        is_end = folder.parent == folder or (folder / ".git").exists()
        return "" if is_end else self.of(folder.parent)


def license_of_text(text: str) -> str:
    """Return the name of the licence that a text is or names; "" where it is none or several of those known."""
    folded = " ".join(text.lower().replace(",", " ").split())
    named = [name for name, phrase in _PHRASES.items() if phrase in folded]
    return named[0] if len(named) == 1 else ""


def license_of_source(source: str) -> str:
    """Return the licence of all archives from that address; "" where it is not known."""
    return next((name for start, name in _SOURCES.items() if source.lower().startswith(start)), "")


def is_license_file(name: str) -> bool:
    """Say whether a file of that name holds a licence, by custom: LICENSE, LICENSE.Detection.Rules.md, COPYING."""
    path = Path(name.lower())
    return path.name.startswith(_LICENSE_NAMES) and path.suffix in _LICENSE_SUFFIXES


def license_in(folder: Path) -> str | None:
    """Return the licence that a folder says it is under: "" is one that is not known, None is nothing."""
    try:
        files = sorted(file for file in folder.iterdir() if is_license_file(file.name) or file.name == PACK_FILE)
        files = [file for file in files if file.is_file()]
    except OSError:
        return None
    pack = folder / PACK_FILE
    license = _license_of_pack(pack) if pack in files else ""
    if license:
        return license
    files = [file for file in files if file != pack]
    named = {license_of_text(_beginning(file)) for file in files} - {""}
    if len(named) == 1:
        return named.pop()
    return "" if files else None


def _license_of_pack(file: Path) -> str:
    try:
        return msgspec.json.decode(_beginning(file), type=_Pack).license
    except (msgspec.DecodeError, RecursionError):
        return ""


def _beginning(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return stream.read(_READ_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
