"""Say why rules fired on the events of a report, by asking the engine again."""

from collections.abc import Callable
from typing import Any

from tocsin.errors import ConfigError, DecodeError, RuleError
from tocsin.event import Event
from tocsin.pipeline.rules import RuleSet
from tocsin.rules.attack import Attack
from tocsin.rules.explain import Explanation, Question
from tocsin.rules.explain import Line as AnsweredLine
from tocsin.rules.preparation import Preparation
from tocsin.stats.report.findings import Line, Selection, Why

Normalise = Callable[[bytes, int], Event]

_NOT_LOADED = "the rule is not among those that are loaded here (--rules names more)"
_CHANGED = "the rule as it is loaded here does not fire on this event: it, or how events are read, has changed since"


class Reasons:
    """Explains matches of the rules that are loaded; each is prepared once, and only so many are."""

    def __init__(
        self,
        rule_set: RuleSet,
        attack: Attack,
        preparation: Preparation,
        normalise: Normalise,
        most: int,
    ) -> None:
        self._rules = {rule.id: rule for rule in rule_set.rules}
        self._filters = rule_set.filters
        self._attack = attack
        self._preparation = preparation
        self._normalise = normalise
        self._most = most
        self._questions: dict[str, Question | str] = {}  # by rule id; else why there is none

    def why(self, rule: str, event: str) -> Why:
        """Explain one match, of a rule by its id and an event as JSON."""
        question = self._questions.get(rule)
        if question is None:
            question = self._questions[rule] = self._question(rule)
        if isinstance(question, str):
            return Why(note=question)
        try:
            explanation = question.explain(self._normalise(event.encode("utf-8", "replace"), 0))
        except DecodeError as error:
            return Why(note=f"the event cannot be read: {error.reason}")
        return _why(explanation) if explanation.fires else Why(note=_CHANGED)

    def _question(self, rule_id: str) -> Question | str:
        rule = self._rules.get(rule_id)
        if rule is None:
            return _NOT_LOADED
        if sum(isinstance(each, Question) for each in self._questions.values()) >= self._most:
            return f"that of {self._most:,} rules is said here; `tocsin rules explain` says it of one more"
        filters = [one for one in self._filters if one.is_for(rule)]
        try:
            return Question(rule, filters, self._attack, self._preparation)
        except (RuleError, ConfigError) as error:
            return f"the rule cannot be read again: {error}"


def _why(explanation: Explanation) -> Why:
    selections = (
        Selection(selection.name, tuple(map(_line, _held(selection.alternatives))))
        for selection in explanation.selections
        if selection.holds
    )
    return Why(" | ".join(map(str, explanation.conditions)), tuple(selections))


def _held(alternatives: tuple[tuple[AnsweredLine, ...], ...]) -> list[AnsweredLine]:
    return [line for lines in alternatives if all(line.holds for line in lines) for line in lines]


def _line(line: AnsweredLine) -> Line:
    wanted = line.wanted if isinstance(line.wanted, list) else [line.wanted]
    values = None if line.values is None else tuple(map(_written, line.values))
    return Line(line.key, tuple(map(_written, wanted)), values)


def _written(value: Any) -> str:
    return "null" if value is None else str(value)
