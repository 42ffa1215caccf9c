"""Compile rules to tests of events: a condition tree becomes one function, with what must hold for it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import SigmaExpansion, SigmaRegularExpression

from tocsin.errors import RuleError
from tocsin.rules.match import CompiledRule, Guard, Matcher
from tocsin.rules.patterns import Kind, Pattern
from tocsin.rules.rule import Rule, split_duplicates
from tocsin.rules.values import (
    Test,
    UnsupportedValueError,
    field_matches,
    field_test,
    folded_keyword,
    folded_pattern,
    keyword_test,
    keywords_match,
)
from tocsin.rules.view import View

_T = TypeVar("_T")

_COST_OF_KIND = {Kind.EXACT: 1, Kind.SUFFIX: 1, Kind.PREFIX: 1, Kind.CONTAINS: 2, Kind.GLOB: 5, Kind.ANYTHING: 1}
_COST_OF_OTHER_VALUES = 10
_COST_OF_REGEX = 100  # of one search, beside plain tests of the same text
_COST_OF_KEYWORD = 100
_SHORT_LITERAL = 4  # characters: a shorter one is found in too many texts to be a good guard


@dataclass(frozen=True)
class _Node:
    test: Test
    guard: Guard | None  # some part of it holds wherever the test does; None: there is no such guard
    cost: int  # the cheaper of two tests goes first


def compile_rules(rules: Iterable[Rule]) -> tuple[Matcher, list[RuleError]]:
    """Compile rules to a matcher; those that cannot be are in the list, with the reason, and left out.

    So is a rule with the id of another one, which can come from a pack that was loaded before.
    """
    compiled: list[CompiledRule] = []
    distinct, errors = split_duplicates(rules)
    for rule in distinct:
        try:
            compiled.append(_compiled(rule))
        except RuleError as error:
            errors.append(error)
    return Matcher(compiled), errors


def _compiled(rule: Rule) -> CompiledRule:
    try:
        node = _or([_node(tree, rule) for tree in rule.conditions])
    except RecursionError as error:
        raise RuleError(rule.place, "its condition is nested too deep") from error
    return CompiledRule(rule, node.test, node.guard)


def _node(tree: Any, rule: Rule) -> _Node:
    match tree:
        case ConditionAND():
            return _and([_node(arg, rule) for arg in _operands(tree, ConditionAND)])
        case ConditionOR():
            return _or(list(_alternatives(tree, rule)))
        case ConditionNOT():
            return _not(_node(tree.args[0], rule))
        case ConditionFieldEqualsValueExpression() | ConditionValueExpression():
            return _or(list(_alternatives(ConditionOR([tree]), rule)))
    raise RuleError(rule.place, f"its condition holds a {type(tree).__name__}, which is not known here")


def _operands(tree: Any, kind: type) -> Iterator[Any]:
    """Yield the operands of nested conditions of the same kind as if they were one."""
    for operand in tree.args:
        if isinstance(operand, kind):
            yield from _operands(operand, kind)
        else:
            yield operand


def _alternatives(tree: Any, rule: Rule) -> Iterator[_Node]:
    """Yield the alternatives of an OR, all patterns for one field as a single one."""
    patterns: dict[str, list[Pattern]] = {}
    keywords: list[Pattern] = []
    for operand in _operands(tree, ConditionOR):
        if isinstance(operand, ConditionFieldEqualsValueExpression):
            for value in _expanded(operand.value):
                pattern = _checked(folded_pattern, rule, operand.field, value)
                if pattern is not None:
                    patterns.setdefault(operand.field, []).append(pattern)
                else:
                    test = _checked(field_test, rule, operand.field, operand.field, value)
                    is_regex = isinstance(value, SigmaRegularExpression)
                    yield _Node(test, None, _COST_OF_REGEX if is_regex else _COST_OF_OTHER_VALUES)
        elif isinstance(operand, ConditionValueExpression):
            for value in _expanded(operand.value):
                pattern = _checked(folded_keyword, rule, "", value)
                if pattern is not None:
                    keywords.append(pattern)
                else:
                    yield _Node(_checked(keyword_test, rule, "", value), None, _COST_OF_KEYWORD)
        else:
            yield _node(operand, rule)
    for field, of_field in patterns.items():
        cost = sum(_COST_OF_KIND[pattern.kind] for pattern in of_field)
        yield _Node(field_matches(field, of_field), ((field, tuple(of_field)),), cost)
    if keywords:
        yield _Node(keywords_match(keywords), None, _COST_OF_KEYWORD)


def _expanded(value: Any) -> Iterator[Any]:
    if isinstance(value, SigmaExpansion):
        for one in value.values:
            yield from _expanded(one)
    else:
        yield value


def _checked(function: Callable[..., _T], rule: Rule, field: str, *arguments: Any) -> _T:
    """Call, naming the rule, the line and the field where a value turns out to be unusable."""
    try:
        return function(*arguments)
    except UnsupportedValueError as error:
        line = rule.field_lines.get(field, rule.line)
        of_field = f"field '{field}': " if field else ""
        raise RuleError(f"{rule.path}:{line}", f"{of_field}{error}") from error


def _and(nodes: Sequence[_Node]) -> _Node:
    if len(nodes) == 1:
        return nodes[0]
    tests = tuple(node.test for node in sorted(nodes, key=lambda node: node.cost))
    guards = [node.guard for node in nodes if node.guard is not None]

    def test(view: View) -> bool:
        for one in tests:  # noqa: SIM110 - all() with a generator takes twice the time
            if not one(view):
                return False
        return True

    return _Node(test, min(guards, key=_weakness, default=None), sum(node.cost for node in nodes))


def _or(nodes: Sequence[_Node]) -> _Node:
    if len(nodes) == 1:
        return nodes[0]
    tests = tuple(node.test for node in sorted(nodes, key=lambda node: node.cost))

    def test(view: View) -> bool:
        for one in tests:  # noqa: SIM110 - as above
            if one(view):
                return True
        return False

    guards = [node.guard for node in nodes]
    guard = None if None in guards else tuple(part for guard in guards for part in guard or ())
    return _Node(test, guard, sum(node.cost for node in nodes))


def _not(node: _Node) -> _Node:
    test = node.test
    return _Node(lambda view: not test(view), None, node.cost)


def _weakness(guard: Guard) -> float:
    """Rank guards: few parts, at a known end of the text, with long literals, let the fewest events through."""
    return sum(max(map(_weakness_of_pattern, patterns)) for _, patterns in guard)


def _weakness_of_pattern(pattern: Pattern) -> float:
    is_loose = pattern.kind > Kind.PREFIX
    return 1 + pattern.kind + (10 if is_loose and len(pattern.literal) < _SHORT_LITERAL else 0)
