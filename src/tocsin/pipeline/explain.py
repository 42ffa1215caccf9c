"""Find a rule and an event, and explain what the engine says of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tocsin.config import Config
from tocsin.errors import ConfigError, DecodeError
from tocsin.event import Event
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.rules import load_rule_set, preparation_of, user_cache
from tocsin.rules.attack import Attack
from tocsin.rules.explain import Explanation, explain
from tocsin.rules.rule import Rule
from tocsin.sources.files import FilesSettings, FilesSource
from tocsin.timestamps import clock_us

_SHOWN = 5  # rules that a name may mean


def explain_rule(config: Config, named: str, rules: Sequence[Path], place: str) -> Explanation:
    """Explain a rule, by id, title or file, and the event at FILE:LINE. Raises ConfigError, RuleError, DecodeError."""
    attack, preparation = Attack.load(), preparation_of(config)
    file = Path(named)
    if file.is_file() and not any(map(_is_within(file), rules)):
        rules = [file, *rules]  # filters are among the others
    rule_set = load_rule_set(attack, rules, not rules, user_cache(), preparation)
    rule = _rule_named(named, rule_set.rules)
    filters = [one for one in rule_set.filters if one.is_for(rule)]
    return explain(rule, filters, _event_at(config, place), attack, preparation)


def _is_within(file: Path) -> Callable[[Path], bool]:
    return lambda folder: file.resolve().is_relative_to(folder.resolve())


def _rule_named(named: str, rules: Sequence[Rule]) -> Rule:
    """Return the rule with that id or title, or whose title holds the text, or the only one of that file."""
    wanted, file = named.lower(), Path(named).resolve()
    for found in (
        [rule for rule in rules if wanted in (rule.id.lower(), rule.title.lower())],
        [rule for rule in rules if wanted in rule.title.lower() or Path(rule.path).resolve() == file],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            titles = ", ".join(f"'{rule.title}' ({rule.id})" for rule in found[:_SHOWN])
            raise ConfigError(f"rules: `{named}` may mean any of {len(found)}, such as {titles}: give the id")
    raise ConfigError(f"rules: there is no rule `{named}` among {len(rules):,}: give its id, its title or its file")


def _event_at(config: Config, place: str) -> Event:
    """Read the event at FILE:NUMBER, the number of a line from 1, or of a record of an EVTX file."""
    name, _, number = place.rpartition(":")
    if not name or not number.isdecimal():
        raise ConfigError(f"--event: FILE:LINE is needed, such as logs/security.jsonl:17, not `{place}`")
    path = Path(name)
    if not path.is_file():
        raise ConfigError(f"--event: there is no file `{path}`")
    source = FilesSource(FilesSettings((path,), is_stamped=False), None, clock_us)
    try:
        while (batch := source.read()) is not None:
            for record, line in zip(batch.records, batch.lines, strict=True):
                if line == int(number):
                    return normaliser_of(config)(record.value, record.timestamp_us)
    except DecodeError as error:
        raise ConfigError(f"--event: `{place}` cannot be read as an event: {error}") from error
    finally:
        source.close()
    raise ConfigError(f"--event: there is no event at `{place}`", *source.report.problems)
