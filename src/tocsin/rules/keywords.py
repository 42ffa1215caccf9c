"""Keywords, which may stand in any value of an event: a look at the raw JSON says at once where none can."""

import re
from collections.abc import Callable, Mapping
from hashlib import sha256

import hyperscan

from tocsin.rules.atom import KeywordAtom, KeywordRegexAtom
from tocsin.rules.automata import Automata
from tocsin.rules.automaton import Expression
from tocsin.rules.patterns import Kind, Pattern, test_of
from tocsin.rules.probe import Probe
from tocsin.rules.regexes import search_of
from tocsin.rules.text import fold
from tocsin.rules.view import VALUE_SEPARATOR, View

# JSON may write any character as an escape; where it does so for one that folds to ASCII, the event is looked at whole.
_ESCAPES = rb"\\u00[2-7][0-9a-f]|\\u212a|\\u017f"
_FOLDING_TO_ASCII = {"k": "(?:k|\\xe2\\x84\\xaa)", "s": "(?:s|\\xc5\\xbf)"}  # Kelvin sign and long s, in UTF-8
_SEPARATING = frozenset(VALUE_SEPARATOR)  # a literal without these lies within one of the joined values
_PLAIN_RUN = re.compile(r"[ !#-.0-\[\]-~]{2,}")  # what JSON writes as it is, but for the escapes above
_ENOUGH = 40
_ENOUGH_CHARACTERS = 200  # of a run: Hyperscan refuses very long expressions
_FLAGS = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_CASELESS  # on bytes


class Keywords:
    """Finds the keyword atoms that hold for an event."""

    def __init__(
        self,
        atoms: Mapping[int, KeywordAtom | KeywordRegexAtom],
        automata: Automata,
        on_timeout: Callable[[int], None],
        probe: Probe,
    ) -> None:
        self._on_timeout = on_timeout
        self._joined: list[tuple[int, Callable[[str], bool]]] = []
        self._folded: list[tuple[int, Callable[[str], bool]]] = []
        self._cased: list[tuple[int, Callable[[str], bool]]] = []
        for number, atom in atoms.items():
            if isinstance(atom, KeywordRegexAtom):
                self._cased.append((number, probe.search(number, search_of(atom.pattern, atom.flags))))
            elif atom.is_cased:
                self._cased.append((number, test_of(atom.pattern)))
            elif atom.pattern.kind is Kind.CONTAINS and _SEPARATING.isdisjoint(atom.pattern.literal):
                self._joined.append((number, test_of(atom.pattern)))
            else:
                self._folded.append((number, test_of(atom.pattern)))
        runs = [_longest_run(atom) for atom in atoms.values()]
        is_always = not all(runs)
        look = _always if is_always else automata.of({0: (_ESCAPES, _FLAGS), **_expressions(runs)}).finds_any
        # At the event as it came: what is false says that none of the atoms holds.
        self.first_look: Callable[[bytes], bool] = probe.keywords(look)
        # Returns the atoms that hold for an event.
        self.find: Callable[[View], frozenset[int]] = probe.keywords(self._find)

    def _find(self, seen: View) -> frozenset[int]:
        found = []
        if self._joined:
            joined = seen.joined_texts()
            found += [number for number, test in self._joined if test(joined)]
        texts = seen.all_texts()
        if self._folded:
            folded = [fold(text) for text in texts]
            found += [number for number, test in self._folded if any(map(test, folded))]
        for number, test in self._cased:
            try:
                if any(map(test, texts)):
                    found.append(number)
            except TimeoutError:
                self._on_timeout(number)
        return frozenset(found)


def _always(_: bytes) -> bool:
    return True


def _expressions(runs: list[str]) -> dict[int, Expression]:
    """Return what to look for in the raw JSON.

    For few literals Hyperscan makes an automaton that goes byte by byte. With decoys, which are in no JSON, it takes
    its matcher of many literals: 1.4 µs instead of 2.6 for real events of 2.4 KB and 20 keywords.
    """
    expressions = [_in_utf8(run) for run in sorted(set(map(fold, runs)))]
    expressions += map(_decoy, range(_ENOUGH - len(expressions)))
    return {number: (expression, _FLAGS) for number, expression in enumerate(expressions, 1)}


def _decoy(number: int) -> bytes:
    """Return control characters, which JSON writes as escapes."""
    return bytes(1 + byte % 8 for byte in sha256(b"%d" % number).digest()[:8])


def _in_utf8(run: str) -> bytes:
    return "".join(_FOLDING_TO_ASCII.get(character) or re.escape(character) for character in run).encode()


def _longest_run(atom: KeywordAtom | KeywordRegexAtom) -> str:
    """Return the longest part of a keyword that lies in the raw JSON of every event it is in; "" for none."""
    if isinstance(atom, KeywordRegexAtom):
        return ""
    runs = (run for literal in _literals(atom.pattern) for run in _PLAIN_RUN.findall(literal))
    return max(runs, key=len, default="")[:_ENOUGH_CHARACTERS]


def _literals(pattern: Pattern) -> list[str]:
    return [part for part in pattern.parts if isinstance(part, str)] or [pattern.literal]
