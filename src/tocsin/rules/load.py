"""Load Sigma rules from YAML files; a bad one is reported by file and line, the others go on."""

import hashlib
import inspect
import uuid
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import sigma.exceptions as sigma
import yaml
from sigma.modifiers import modifier_mapping
from sigma.processing.pipeline import ProcessingPipeline
from sigma.rule import SigmaDetectionItem, SigmaRule

from tocsin.errors import ConfigError, RuleError
from tocsin.rules.attack import Attack
from tocsin.rules.documents import Document, read_documents
from tocsin.rules.filters import Filter, filtered
from tocsin.rules.license import PackLicenses
from tocsin.rules.many_files import read_many
from tocsin.rules.pack import Pack
from tocsin.rules.preparation import UNPREPARED, Preparation
from tocsin.rules.progress import OnProgress, unseen
from tocsin.rules.rule import LEVELS, Rule, RuleLogsource, rules_digest, split_duplicates
from tocsin.rules.rule_files import files_in
from tocsin.rules.translate import tree_of
from tocsin.rules.tree import Or, Tree
from tocsin.yaml_text import load_yaml

__all__ = ["LEVELS", "Rule", "RuleLogsource", "load_rules", "rule_files", "rules_digest"]

# A rule without a level (Sigma lets it be) must not fall silent, so it is at the default level of alerts.
DEFAULT_LEVEL = "medium"
DEFAULT_BASELINE_LEVEL = "informational"


# Two names of one channel; the source is pySigma's sigma/pipelines/common.py.
_SERVICE_ALIASES = {"ldap_debug": "ldap", "servicebus-client": "microsoft-servicebus-client"}

_NAMESPACE = uuid.UUID("9d5d9d9e-8f0f-5c5f-9a53-0c1f0a6b7f11")  # of ids for rules that have none
_KEY_OF_ERROR: Mapping[type[Exception], tuple[str, ...]] = {
    sigma.SigmaTitleError: ("title",),
    sigma.SigmaIdentifierError: ("id",),
    sigma.SigmaLevelError: ("level",),
    sigma.SigmaStatusError: ("status",),
    sigma.SigmaDateError: ("date",),
    sigma.SigmaModifiedError: ("modified",),
    sigma.SigmaAuthorError: ("author",),
    sigma.SigmaDescriptionError: ("description",),
    sigma.SigmaReferencesError: ("references",),
    sigma.SigmaFalsePositivesError: ("falsepositives",),
    sigma.SigmaRelatedError: ("related",),
    sigma.SigmaFieldsError: ("fields",),
    sigma.SigmaScopeError: ("scope",),
    sigma.SigmaLicenseError: ("license",),
    sigma.SigmaTagError: ("tags",),
    sigma.SigmaLogsourceError: ("logsource",),
    sigma.SigmaConditionError: ("detection", "condition"),
    sigma.SigmaDetectionError: ("detection",),
}


def load_rules(
    paths: Sequence[Path], attack: Attack, is_baseline: bool = False, preparation: Preparation = UNPREPARED
) -> tuple[list[Rule], list[RuleError]]:
    """Load all rules from files and folders, with the filters among them applied; the second list is as in a pack."""
    pack = load_pack(paths, attack, is_baseline, preparation)
    rules, unused = filtered(pack.rules, pack.filters)
    return rules, [*pack.errors, *unused]


def load_pack(
    paths: Sequence[Path],
    attack: Attack,
    is_baseline: bool = False,
    preparation: Preparation = UNPREPARED,
    on_progress: OnProgress = unseen,
) -> Pack:
    """Load all rules and filters from files and folders (`*.yml`, `*.yaml`, at any depth, sorted).

    Test events (`*.events.yml`) are not rules. What cannot be used is among the errors and left out: broken rules,
    correlations, old aggregations, and a rule whose id another one has already. Raises ConfigError: a pipeline that
    is none.
    """
    errors: list[RuleError] = []
    reader = RuleReader(attack, is_baseline, preparation)
    files = list(rule_files(paths, errors))
    packs = read_many(files, reader.pack_of, is_baseline, preparation, on_progress)
    rules, duplicates = split_duplicates(rule for pack in packs for rule in pack.rules)
    filters = [one for pack in packs for one in pack.filters]
    return Pack(rules, filters, [*errors, *(error for pack in packs for error in pack.errors), *duplicates])


def rule_files(paths: Sequence[Path], errors: list[RuleError]) -> Iterator[Path]:
    """Yield the rule files among paths, each once; a path that is not there is added to the errors."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            errors.append(RuleError(str(path), "is not there: give a Sigma rule, or a folder of them"))
            continue
        for file in sorted(map(Path, files_in(path))):
            if file.is_file() and file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


class RuleReader:
    """Reads the rules and filters of one file after the other."""

    def __init__(self, attack: Attack, is_baseline: bool, preparation: Preparation) -> None:
        self._attack = attack
        self._is_baseline = is_baseline
        self._licenses = PackLicenses()
        self._variables = preparation.variables
        self._pipelines = [_pipeline(path, text) for path, text in preparation.pipelines]

    def pack_of(self, path: Path) -> Pack:
        """Return what one file holds."""
        errors: list[RuleError] = []
        found = list(self.read(path, errors))
        rules = [one for one in found if isinstance(one, Rule)]
        return Pack(rules, [one for one in found if isinstance(one, Filter)], errors)

    def read(self, path: Path, errors: list[RuleError]) -> Iterator[Rule | Filter]:
        """Yield what one file holds; what cannot be used is added to the errors."""
        documents = read_documents(path)
        while True:
            try:
                document = next(documents, None)
                if document is None:
                    return
                if document.content is not None:
                    yield self.filter_of(document) if _is_filter(document.content) else self._rule_of(document)
            except RuleError as error:
                errors.append(error)

    def tree_of_part(self, document: Document, definition: Any) -> Tree:
        """Return what a selection, or a part of one, means by itself. Raises RuleError as for the whole rule."""
        detection = {"selection": definition, "condition": "selection"}
        _, conditions = self._parsed(document, {**document.content, "detection": detection})
        return self._condition(document, conditions, _field_lines(document))

    def _rule_of(self, document: Document) -> Rule:
        _refuse_other_kinds(document)
        parsed, conditions = self._parsed(document, document.content)
        _refuse_affixed_regexes(document)
        lines = _field_lines(document)
        digest = _digest(document)
        tags = tuple(str(tag) for tag in parsed.tags)
        resolved = self._attack.resolve(tags)
        default_level = DEFAULT_BASELINE_LEVEL if self._is_baseline else DEFAULT_LEVEL
        return Rule(
            id=str(parsed.id or uuid.uuid5(_NAMESPACE, digest)),
            title=parsed.title,
            name=parsed.name or "",
            level=str(parsed.level or default_level),
            status=str(parsed.status or ""),
            author=parsed.author or "",
            license=parsed.license or self._licenses.of(Path(document.path).parent),
            description=parsed.description or "",
            references=_texts(parsed.references),
            falsepositives=_texts(parsed.falsepositives),
            tags=tags,
            tactics=resolved.tactics,
            techniques=resolved.techniques,
            unknown_tags=resolved.unknown,
            logsource=_logsource(parsed),
            path=document.path,
            line=document.line,
            digest=digest,
            is_baseline=self._is_baseline,
            condition=self._condition(document, conditions, lines),
            field_lines=lines,
        )

    def filter_of(self, document: Document) -> Filter:
        """Read a filter; its selections and condition are those of a rule, in another place."""
        written = document.content["filter"]
        named = written.get("rules") if isinstance(written, dict) else None
        if isinstance(named, str):
            named = [named]
        if not isinstance(named, list) or not named or not all(isinstance(name, str) for name in named):
            reason = "a filter says which `rules` it is for: a list of ids or names, or `any`"
            raise _error(document, reason, "filter", "rules")
        detection = {name: definition for name, definition in written.items() if name != "rules"}
        content = {key: value for key, value in document.content.items() if key != "filter"}
        parsed, conditions = self._parsed(document, {**content, "detection": detection})
        return Filter(
            title=parsed.title,
            rules=None if [name.lower() for name in named] == ["any"] else tuple(named),
            logsource=_logsource(parsed),
            condition=self._condition(document, conditions, _field_lines(document)),
            digest=_digest(document),
            place=f"{document.path}:{document.line}",
        )

    def _condition(self, document: Document, conditions: Sequence[Any], lines: Mapping[str, int]) -> Tree:
        """Translate the conditions of a rule, of which any may hold."""

        def place(field: str) -> str:
            return f"{document.path}:{lines.get(field, document.line)}"

        try:
            trees = tuple(tree_of(condition, place, self._variables) for condition in conditions)
            condition = trees[0] if len(trees) == 1 else Or(trees)
        except RecursionError as error:
            raise _error(document, "its condition is nested too deep", "detection", "condition") from error
        return condition

    def _parsed(self, document: Document, content: Any) -> tuple[SigmaRule, tuple[Any, ...]]:
        """Parse with pySigma. Raises RuleError for whatever it finds, at the line it is about."""
        try:
            rule = SigmaRule.from_dict(_exact(content), **_backtracking_regexes())
            for pipeline in self._pipelines:
                pipeline.apply(rule)
            return rule, tuple(_condition_trees(rule, document))
        except sigma.SigmaError as error:
            raise _located(document, error) from error
        except RuleError:
            raise
        except Exception as error:  # pySigma meets values of unexpected types with all kinds of errors
            raise _error(document, f"is not a valid Sigma rule: {type(error).__name__}: {error}") from error


def _exact(content: Any, key: str = "") -> Any:
    """Write whole numbers that a float cannot hold as text: pySigma makes floats of them."""
    if isinstance(content, dict):
        return {name: _exact(value, str(name)) for name, value in content.items()}
    if isinstance(content, list):
        return [_exact(value, key) for value in content]
    is_large = type(content) is int and abs(content) > _LARGEST_EXACT
    return str(content) if is_large and "|" not in key else content


_LARGEST_EXACT = 2**53


def _pipeline(path: str, text: str) -> ProcessingPipeline:
    """Read a processing pipeline. pySigma by default lets it neither run commands nor read files nor the network."""
    try:
        content = load_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"pipeline: `{path}` is not valid YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("transformations", []), list):
        raise ConfigError(f"pipeline: `{path}` must be a map, its `transformations` a list")
    try:
        return ProcessingPipeline.from_yaml(text)
    except Exception as error:  # as in _parsed
        raise ConfigError(f"pipeline: `{path}` is not one of pySigma's: {error}") from error


def _is_filter(content: Any) -> bool:
    return isinstance(content, dict) and "filter" in content and "detection" not in content


def _section(document: Document) -> str:
    """Return the key under which the selections stand."""
    return "filter" if _is_filter(document.content) else "detection"


def _digest(document: Document) -> str:
    return hashlib.sha256(document.text.replace("\r\n", "\n").strip().encode()).hexdigest()[:32]


def _logsource(parsed: SigmaRule) -> RuleLogsource:
    asked = parsed.logsource
    return RuleLogsource((asked.product or "").lower(), (asked.category or "").lower(), _service(parsed))


def _service(parsed: SigmaRule) -> str:
    service = (parsed.logsource.service or "").lower()
    return _SERVICE_ALIASES.get(service, service)


def _refuse_other_kinds(document: Document) -> None:
    content = document.content
    if not isinstance(content, dict):
        raise _error(document, "is not a Sigma rule: a rule is a map with title, logsource and detection")
    for kind in ("correlation", "action"):
        if kind in content and "detection" not in content:
            raise _error(document, f"Sigma documents with '{kind}' are not supported: only plain rules are", kind)
    detection = content.get("detection")
    conditions = detection.get("condition") if isinstance(detection, dict) else None
    for condition in conditions if isinstance(conditions, list) else [conditions]:
        if isinstance(condition, str) and "|" in condition:
            reason = f"old aggregations are not supported: '{condition}'; Sigma replaced them by correlation rules"
            raise _error(document, reason, "detection", "condition")


def _refuse_affixed_regexes(document: Document) -> None:
    for key, _, line in document.keys_under(_section(document)):
        modifiers = key.split("|")[1:]
        if "re" in modifiers and ("startswith" in modifiers or "endswith" in modifiers):
            reason = f"'{key}': a regular expression is searched for anywhere; anchor it by ^ or $ instead"
            raise RuleError(f"{document.path}:{line}", reason)


@cache
def _backtracking_regexes() -> Mapping[str, Any]:
    """Let pySigma 2 accept the regular expressions RE2 cannot do (look-around), as pySigma 1 does anyway."""
    if "policy" not in inspect.signature(SigmaRule.from_dict).parameters:
        return {}
    from sigma.policy import SigmaPolicy
    from sigma.policy.regex_engine import PythonRegexEngine

    return {"policy": SigmaPolicy(regex_engine=PythonRegexEngine())}


def _condition_trees(rule: SigmaRule, document: Document) -> Iterator[Any]:
    for condition in rule.detection.parsed_condition:
        if not isinstance(condition.condition, str):
            raise _error(document, "the condition must be text, or a list of texts", "detection", "condition")
        tree = condition.parsed
        if tree is None:
            raise _error(
                document, f"condition '{condition.condition}' names no selection", _section(document), "condition"
            )
        yield tree


def _located(document: Document, error: sigma.SigmaError) -> RuleError:
    """Find the line an error of pySigma is about."""
    for key, value, line in document.keys_under(_section(document)):
        reason = _reason_against(key, value)
        if reason is not None:
            return RuleError(f"{document.path}:{line}", reason)
    keys = next((keys for kind, keys in _KEY_OF_ERROR.items() if isinstance(error, kind)), ())
    return _error(document, str(error), *keys)


def _reason_against(key: str, value: Any) -> str | None:
    """Say what is wrong with one `Field|modifier: value` by itself; None when nothing is."""
    for modifier in key.split("|")[1:]:
        if modifier not in modifier_mapping:
            close = get_close_matches(modifier, modifier_mapping, 1)
            hint = f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(sorted(modifier_mapping))}"
            return f"unknown modifier '{modifier}' in '{key}'{hint}"
    if "|" not in key:
        return None
    try:
        SigmaDetectionItem.from_mapping(key, value, **_backtracking_regexes())
    except Exception as error:  # as in _parsed
        return f"'{key}': {error}"
    return None


def _field_lines(document: Document) -> dict[str, int]:
    lines: dict[str, int] = {}
    for key, _, line in document.keys_under(_section(document)):
        lines.setdefault(key.partition("|")[0], line)
    return lines


def _texts(values: Sequence[Any] | None) -> tuple[str, ...]:
    return tuple(str(value) for value in values or ())


def _error(document: Document, reason: str, *keys: str) -> RuleError:
    return RuleError(f"{document.path}:{document.line_of(*keys)}", reason)
