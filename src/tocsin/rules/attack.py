"""Resolve the ATT&CK tags of a rule to tactics and techniques, by a versioned table."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

import msgspec

_TECHNIQUE = re.compile(r"t\d{4}(\.\d{3})?")
_OTHER_OBJECT = re.compile(r"(g|s|m|c|ds|dc)\d{4}")  # groups, software, mitigations, campaigns, data sources


class Tactic(msgspec.Struct, frozen=True):
    """A column of the matrix."""

    id: str  # TA0002
    shortname: str  # execution
    name: str  # Execution
    order: int  # place in the matrix, from 0


class Technique(msgspec.Struct, frozen=True):
    """A technique or sub-technique; tactics are shortnames, those of a revoked one of an older version."""

    id: str
    name: str
    tactics: tuple[str, ...]
    deprecated: bool
    revoked: bool
    current_id: str | None  # where revocations lead in the end; None: deprecated without a successor


class _Table(msgspec.Struct, frozen=True):
    attack_version: str
    copyright: str
    tactic_aliases: dict[str, tuple[str, ...]]  # retired shortname -> the tactics it was split into
    tactics: tuple[Tactic, ...]
    techniques: tuple[Technique, ...]


@dataclass(frozen=True)
class Resolved:
    """What the tags of a rule say."""

    tactics: tuple[str, ...]  # ids, in matrix order
    techniques: tuple[str, ...]  # ids that are current, in the order of the tags
    unknown: tuple[str, ...]  # attack.* tags that name nothing in this version, as written


class Attack:
    """ATT&CK Enterprise of one version."""

    def __init__(self, table: _Table) -> None:
        self.version = table.attack_version
        self.copyright = table.copyright
        self.tactics = tuple(sorted(table.tactics, key=lambda tactic: tactic.order))
        self.techniques: Mapping[str, Technique] = {technique.id: technique for technique in table.techniques}
        self._tactic_ids = {tactic.shortname: tactic.id for tactic in self.tactics}
        self._order = {tactic.id: tactic.order for tactic in self.tactics}
        self._names = {tactic.id: tactic.name for tactic in self.tactics}
        self._aliases = table.tactic_aliases

    @classmethod
    def load(cls) -> "Attack":
        """Read the table that ships with the package (MITRE's terms are in the LICENSE.txt beside it)."""
        table = files("tocsin.content").joinpath("attack/enterprise-attack.json").read_bytes()
        return cls(msgspec.json.decode(table, type=_Table))

    def tactic_name(self, tactic_id: str) -> str:
        """Return the name of a tactic of this version. Raises KeyError for an id that is not in it."""
        return self._names[tactic_id]

    def resolve(self, tags: Iterable[str]) -> Resolved:
        """Read the `attack.*` tags: `attack.execution`, `attack.ta0002`, `attack.t1059.001`, groups and software.

        Case and `-`/`_` make no difference. A revoked technique gives its current id; a retired tactic is found
        through the rule's techniques; a rule with technique tags alone has the tactics of these.
        """
        tactics: set[str] = set()
        retired: list[str] = []
        techniques: dict[str, None] = {}
        unknown: list[str] = []
        for tag in tags:
            namespace, _, name = tag.strip().lower().partition(".")
            if namespace != "attack":
                continue
            shortname = name.replace("_", "-").replace(" ", "-")
            technique = self._technique(name)
            if technique is not None:
                techniques[technique.id] = None
            elif shortname in self._tactic_ids:
                tactics.add(self._tactic_ids[shortname])
            elif name.upper() in self._order:
                tactics.add(name.upper())
            elif shortname in self._aliases:
                retired.append(shortname)
            elif not _OTHER_OBJECT.fullmatch(name):
                unknown.append(tag)
        of_techniques = self._tactics_of(techniques)
        for shortname in retired:
            tactics |= self._successors(shortname, of_techniques)
        ordered = sorted(tactics or of_techniques, key=self._order.__getitem__)
        return Resolved(tuple(ordered), tuple(techniques), tuple(unknown))

    def _technique(self, name: str) -> Technique | None:
        if not _TECHNIQUE.fullmatch(name):
            return None
        technique = self.techniques.get(name.upper())
        if technique is None or technique.current_id is None:
            return technique
        return self.techniques.get(technique.current_id, technique)

    def _tactics_of(self, technique_ids: Iterable[str]) -> set[str]:
        """Tactic ids of techniques; the retired tactics of deprecated techniques go to their first successor."""
        tactics = set()
        for technique_id in technique_ids:
            for shortname in self.techniques[technique_id].tactics:
                successor = self._aliases.get(shortname, (shortname,))[0]
                tactics.add(self._tactic_ids[successor])
        return tactics

    def _successors(self, shortname: str, of_techniques: set[str]) -> set[str]:
        successors = [self._tactic_ids[name] for name in self._aliases[shortname]]
        return of_techniques.intersection(successors) or {successors[0]}
