"""Number the atoms of all rules, and rank them by how common they are."""

from collections.abc import Mapping

from tocsin.rules.atom import (
    Atom,
    ExistsAtom,
    FieldAtom,
    KeywordAtom,
    KeywordRegexAtom,
    NullAtom,
    RegexAtom,
    TextAtom,
)
from tocsin.rules.patterns import Kind, test_of
from tocsin.rules.text import fold, plain_name
from tocsin.rules.tree import Tree, atoms_of, can_hold

# Fields that say of which kind an event is: a rule is not likely because one of them fits.
_ROUTING_FIELDS = ("eventid", "channel", "provider_name")


class NumberedAtoms:
    """All atoms of all rules, each with a number."""

    def __init__(self) -> None:
        self.numbers: dict[Atom, int] = {}
        self.atoms: list[Atom] = []
        self.fields: list[str] = []  # of each atom; "" for those that ask for more than one field
        self.references: dict[int, FieldAtom] = {}
        self.keywords: dict[int, KeywordAtom | KeywordRegexAtom] = {}
        self._uses: list[int] = []  # how many rules ask for each
        self.about_code: dict[int, TextAtom] = {}  # the atoms that ask for the event id

    def add(self, tree: Tree) -> frozenset[int]:
        """Number the atoms of a rule; return their numbers."""
        asked = set()
        for atom in atoms_of(tree):  # in their order: what is kept on disk goes by these numbers
            number = self.numbers.get(atom)
            asked.add(self._add(atom) if number is None else number)
        for number in asked:
            self._uses[number] += 1
        return frozenset(asked)

    def _add(self, atom: Atom) -> int:
        number = self.numbers[atom] = len(self.atoms)
        self.atoms.append(atom)
        field = ""
        if isinstance(atom, FieldAtom):
            self.references[number] = atom
        elif isinstance(atom, (KeywordAtom, KeywordRegexAtom)):
            self.keywords[number] = atom
        else:
            field = atom.field
            if isinstance(atom, TextAtom) and plain_name(atom.field) == "eventid":
                self.about_code[number] = atom
        self.fields.append(field)
        self._uses.append(0)
        return number

    def weakness(self) -> list[float]:
        """Rank atoms by how many events they hold for, roughly: what many rules ask for is common."""
        return [_weakness(atom) * uses for atom, uses in zip(self.atoms, self._uses, strict=True)]

    def codes_of(self, tree: Tree, asked: frozenset[int]) -> frozenset[str] | None:
        """Return the event ids, folded, for which alone a rule may hold; None where others may do, too."""
        about_code = [self.about_code[number] for number in asked.intersection(self.about_code)]
        if any(atom.is_cased or atom.pattern.kind is not Kind.EXACT for atom in about_code):
            return None

        def known(atom: Atom) -> bool | None:
            return False if atom in about_code else None

        if not about_code or can_hold(tree, known):
            return None
        return frozenset(atom.pattern.literal for atom in about_code)

    def by_field(self) -> Mapping[str, Mapping[int, Atom]]:
        fields: dict[str, dict[int, Atom]] = {}
        for number, (atom, field) in enumerate(zip(self.atoms, self.fields, strict=True)):
            if field:
                fields.setdefault(field, {})[number] = atom
        return fields

    def holds_for_code(self, number: int, code: str) -> bool:
        """Say whether an atom about the event id holds for this one."""
        atom = self.about_code[number]
        return test_of(atom.pattern)(code if atom.is_cased else fold(code))


def _weakness(atom: Atom) -> float:
    """Rank atoms by how many events they hold for: long literals at a known end of the text for the fewest."""
    if isinstance(atom, TextAtom):
        pattern = atom.pattern
        if plain_name(atom.field) in _ROUTING_FIELDS:
            return 100_000
        if pattern.kind is Kind.ANYTHING:
            return 10_000
        is_short = pattern.kind > Kind.PREFIX and len(pattern.literal) < _SHORT_LITERAL
        return 1 + pattern.kind + (100 if is_short else 0)
    return _WEAKNESS.get(type(atom), 100)


_WEAKNESS: Mapping[type[Atom], float] = {
    KeywordAtom: 5,
    KeywordRegexAtom: 5,
    RegexAtom: 5,
    NullAtom: 10_000,
    ExistsAtom: 10_000,
}
_SHORT_LITERAL = 4
