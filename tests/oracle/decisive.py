"""Events in which one test of a rule decides alone whether the rule matches: firing, and near misses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tests.oracle.nodes import (
    All,
    AnyOf,
    CompareTest,
    ExistsTest,
    FieldTest,
    KeywordRegexTest,
    KeywordTest,
    Node,
    Not,
    NullTest,
    Test,
)
from tests.oracle.witness import near_misses, witnesses

Fields = dict[str, Any]
Wanted = dict[Test, bool]

_KEYWORD_FIELD = "Where keywords may stand"
_FILL = "zq 0"  # a value that hardly any rule asks for
_NEAR_MISSES = 12
_CHOICES = 6  # of alternatives tried for what has to hold beside the test


@dataclass(frozen=True)
class DecisiveEvents:
    """Events about one test of a rule."""

    test: Test
    firing: Sequence[Fields]  # the test decides: it holds here ...
    failing: Sequence[Fields]  # ... and does not here, where all else is the same
    others: Sequence[Fields]  # near misses of either kind


def decisive_events(tree: Node, at_most: int = 100) -> Iterator[DecisiveEvents]:
    """Yield for tests of the tree, in its order, events in which each decides, as far as they can be made.

    `at_most`: of a tree with more tests than that some are taken, spread evenly.
    """
    paths = list(_paths(tree))
    step = -(-len(paths) // at_most)
    for path in paths[::step]:
        yield _about(tree, path)


def _paths(node: Node, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    match node:
        case All(of) | AnyOf(of):
            for number, part in enumerate(of):
                yield from _paths(part, (*path, number))
        case Not(of):
            yield from _paths(of, (*path, 0))
        case _:
            yield path


def _about(tree: Node, path: tuple[int, ...]) -> DecisiveEvents:
    test = _at(tree, path)
    for wanted in islice(_beside(tree, path), _CHOICES):
        holding, failing = _made({**wanted, test: True}), _made({**wanted, test: False})
        firing = [fields for fields in holding if _is_decided(tree, test, True, fields)]
        if not firing:
            continue
        others = [_made({**wanted, test: True}, test, value)[0] for value in islice(near_misses(test), _NEAR_MISSES)]
        failing += others
        missing = [f for f in failing if tree.holds([f]) != tree.holds([firing[0]])]
        return DecisiveEvents(test, firing, missing, others)
    return DecisiveEvents(test, (), (), ())


def _is_decided(tree: Node, test: Test, value: bool, fields: Fields) -> bool:
    """Say whether the tree would turn if this test, alone, did."""
    layers = [fields]
    return test.holds(layers) is value and _holds(tree, layers, test, value) != _holds(tree, layers, test, not value)


def _holds(node: Node, layers: Any, test: Test, value: bool) -> bool:
    match node:
        case All(of):
            return all(_holds(part, layers, test, value) for part in of)
        case AnyOf(of):
            return any(_holds(part, layers, test, value) for part in of)
        case Not(of):
            return not _holds(of, layers, test, value)
    return value if node == test else node.holds(layers)


def _at(node: Node, path: tuple[int, ...]) -> Test:
    for number in path:
        node = node.of if isinstance(node, Not) else node.of[number]  # type: ignore[union-attr]
    assert not isinstance(node, (All, AnyOf, Not))
    return node


def _beside(node: Node, path: tuple[int, ...]) -> Iterator[Wanted]:
    """Yield what else has to hold, or not, for the test at the path to decide."""
    if not path:
        yield {}
        return
    number, *rest = path
    if isinstance(node, Not):
        yield from _beside(node.of, tuple(rest))
        return
    assert isinstance(node, (All, AnyOf))
    siblings = [part for place, part in enumerate(node.of) if place != number]
    truth = isinstance(node, All)
    for wanted in _beside(node.of[number], tuple(rest)):
        yield from _each(siblings, truth, wanted)


def _each(nodes: Sequence[Node], truth: bool, wanted: Wanted) -> Iterator[Wanted]:
    """Yield ways in which all nodes have that truth, beside what is wanted already."""
    tests = [node for node in nodes if not isinstance(node, (All, AnyOf, Not))]
    if any(wanted.get(test, truth) is not truth for test in tests):
        return
    yield from _each_of(
        [node for node in nodes if isinstance(node, (All, AnyOf, Not))],
        truth,
        wanted | dict.fromkeys(tests, truth),
    )


def _each_of(nodes: Sequence[Node], truth: bool, wanted: Wanted) -> Iterator[Wanted]:
    if not nodes:
        yield wanted
        return
    for more in islice(_ways(nodes[0], truth, wanted), _CHOICES):
        yield from _each_of(nodes[1:], truth, more)


def _ways(node: Node, truth: bool, wanted: Wanted) -> Iterator[Wanted]:
    match node:
        case Not(of):
            yield from _ways(of, not truth, wanted)
        case All(of) | AnyOf(of):
            if truth is isinstance(node, All):
                yield from _each(of, truth, wanted)
                return
            for part in sorted(of, key=lambda part: _effort(part, truth)):
                yield from islice(_ways(part, truth, wanted), 2)
        case _:
            if wanted.get(node, truth) is truth:
                yield {**wanted, node: truth}


def _effort(node: Node, truth: bool) -> int:
    """Rank nodes by how much has to be done for them to have that truth."""
    match node:
        case Not(of):
            return _effort(of, not truth)
        case All(of) | AnyOf(of):
            efforts = [_effort(part, truth) for part in of]
            return sum(efforts) if truth is isinstance(node, All) else min(efforts)
        case NullTest() | ExistsTest():
            return 3
    return 1 if truth else 0


def _made(wanted: Mapping[Test, bool], test: Test | None = None, value: Any = None) -> list[Fields]:
    """Make events in which the tests are as wanted; `value`: what to give the field of one of them."""
    made: list[Fields] = []
    for number in range(2):
        fields: dict[str, list[Any]] = {}
        absent = set()
        for one, truth in wanted.items():
            if one == test:
                _add(fields, _field_of(one), value)
            elif not _satisfy(one, truth, fields, number):
                absent.add(_field_of(one))
        made.append({name: values[0] if len(values) == 1 else values for name, values in fields.items()})
        for name in absent & made[-1].keys():
            del made[-1][name]
    joined = {
        name: " ".join(value) if isinstance(value, list) and all(type(v) is str for v in value) else value
        for name, value in made[0].items()
    }
    made.append(joined)
    return [fields for number, fields in enumerate(made) if fields not in made[:number]]


def _satisfy(test: Test, truth: bool, fields: dict[str, list[Any]], number: int) -> bool:
    """Add values for the test to be as wanted; False where its field must not be there."""
    match test:
        case NullTest(field):
            if truth:
                return number == 1 and _add(fields, field, None)
            return _add(fields, field, _FILL)
        case ExistsTest(field, is_wanted):
            return truth is is_wanted and _add(fields, field, _FILL)
        case FieldTest(field, other):
            if truth:
                common = (fields.get(field) or fields.get(other) or [_FILL])[0]
                _add(fields, field, common)
                return _add(fields, other, common)
            return _add(fields, field, _FILL) and _add(fields, other, _FILL[::-1])
    if truth:
        values = list(islice(witnesses(test), number + 1))
        return not values or _add(fields, _field_of(test), values[-1])
    if isinstance(test, CompareTest) and number == 1:
        return _add(fields, test.field, "no number")
    return True


def _add(fields: dict[str, list[Any]], field: str, value: Any) -> bool:
    values = fields.setdefault(field, [])
    if value not in values:
        values.append(value)
    return True


def _field_of(test: Test) -> str:
    return _KEYWORD_FIELD if isinstance(test, (KeywordTest, KeywordRegexTest)) else test.field
