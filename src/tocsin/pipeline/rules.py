"""The rules in force: the built-in pack and the user's own."""

import gc
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.config import Config
from tocsin.errors import ConfigError, RuleError
from tocsin.rules.attack import Attack
from tocsin.rules.compile import compile_rules
from tocsin.rules.filters import Filter, filtered
from tocsin.rules.match import Matcher
from tocsin.rules.parsed import load_pack_kept
from tocsin.rules.preparation import UNPREPARED, Preparation, read_preparation
from tocsin.rules.probe import Probe
from tocsin.rules.progress import OnProgress, unseen
from tocsin.rules.rule import Rule, rules_digest
from tocsin.schema.normalise import normalise

if TYPE_CHECKING:
    from tocsin.rules.check import CheckReport


@dataclass(frozen=True)
class RuleSet:
    """Rules ready to match, with what was wrong with those left out."""

    rules: Sequence[Rule]
    matcher: Matcher
    digest: str
    errors: Sequence[RuleError]
    filters: Sequence[Filter] = ()  # that were added to the rules they are for
    tuning_errors: Sequence[RuleError] = ()  # those of `errors` by which no rule is left out: it stays as it was

    @property
    def left_out(self) -> Sequence[RuleError]:
        """What was wrong with rules and filters that are not used."""
        return [error for error in self.errors if error not in self.tuning_errors]

    @property
    def complaints(self) -> Sequence[str]:
        """Say each error, and what became of it."""
        left_out = [f"rule left out: {error}" for error in self.left_out]
        return left_out + [f"tuning not applied: {error}" for error in self.tuning_errors]


def builtin_folder() -> Path:
    """Return the folder of the built-in pack, with `baseline` and `detections` below it."""
    return Path(str(resources.files("tocsin.content") / "rules"))


def user_cache() -> Path | None:
    """Return the folder where programs of this user keep what they can make again (XDG Base Directory), if any."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tocsin"
    except RuntimeError:  # a user without a home
        return None


def cache_of(config: Config) -> Path:
    """Return the folder where the stages keep what they can make again: the user's cache; without one, beside the data.

    A second data directory, and a container made anew, then start as fast as the first one did.
    """
    folder = user_cache()
    with suppress(OSError):
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
    return config.data / "cache"


def load_rule_set(
    attack: Attack,
    extra: Sequence[Path],
    builtin: bool,
    cache: Path | None = None,
    preparation: Preparation = UNPREPARED,
    on_progress: OnProgress = unseen,
    probe: Probe | None = None,
) -> RuleSet:
    """Load and compile the built-in pack (unless told not to) and more rules. Raises ConfigError: no such path.

    `cache`: a folder where what was compiled is kept for the next start. `preparation` is for the user's own rules.
    `on_progress` is told how far this is; `probe` measures what the matcher does.
    """
    missing = [f"rules: there is no file or folder `{path}`" for path in extra if not path.exists()]
    if missing:
        raise ConfigError(*missing)
    with _no_collection():
        return _loaded(attack, extra, builtin, cache, preparation, on_progress, probe)


def _loaded(
    attack: Attack,
    extra: Sequence[Path],
    builtin: bool,
    cache: Path | None,
    preparation: Preparation,
    on_progress: OnProgress,
    probe: Probe | None,
) -> RuleSet:
    folders = [(name == "baseline", builtin_folder() / name) for name in ("baseline", "detections")] if builtin else []
    packs = [load_pack_kept([folder], attack, is_baseline, UNPREPARED, cache) for is_baseline, folder in folders]
    packs.append(load_pack_kept(extra, attack, False, preparation, cache, on_progress))
    errors = [error for pack in packs for error in pack.errors]
    untuned: Sequence[RuleError] = ()
    rules: Sequence[Rule] = [rule for pack in packs for rule in pack.rules]
    filters = [one for pack in packs for one in pack.filters]
    if preparation.tuning:
        from tocsin.rules.tuning import tuned  # parses YAML

        own = {rule.id for rule in packs[-1].rules}
        found = tuned(rules, preparation.tuning, attack, lambda rule: preparation if rule.id in own else UNPREPARED)
        rules = found.rules
        filters += found.exceptions
        untuned = found.errors
        errors += untuned
    rules, unused = filtered(rules, filters)
    if not rules and not errors:
        raise _no_rule(extra)
    if not rules:
        raise ConfigError("rules: not one of them can be used", *(str(error) for error in errors))
    matcher, uncompiled = compile_rules(rules, cache, on_progress, probe)
    digest = rules_digest(rules)
    if preparation.digest != UNPREPARED.digest:  # the same rules with other values find other events
        digest = hashlib.sha256(f"{digest} {preparation.digest}".encode()).hexdigest()[:16]
    return RuleSet(rules, matcher, digest, [*errors, *unused, *uncompiled], filters, untuned)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let the collector of cycles rest: hundreds of thousands of objects are made here to stay."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _no_rule(paths: Sequence[Path]) -> ConfigError:
    if not paths:
        return ConfigError("rules: there are none: give some with --rules, or leave out --no-builtin")
    return ConfigError(f"rules: there is no Sigma rule in {', '.join(f'`{path}`' for path in paths)}")


def preparation_of(config: Config) -> Preparation:
    """Read what the settings say is done with the user's rules. Raises ConfigError."""
    return read_preparation(config["classify.variables"], config["classify.pipelines"], config["classify.tuning"])


def check_tuning(config: Config, paths: Sequence[Path], preparation: Preparation) -> Sequence[RuleError]:
    """Return what is wrong with tuning, of the rules in `paths` or of the settings, and of the built-in pack."""
    if not preparation.tuning:
        return ()
    rules, builtin = paths or config["classify.rules"], config["classify.builtin"]
    return load_rule_set(Attack.load(), rules, builtin, preparation=preparation).tuning_errors


def check(paths: Sequence[Path], preparation: Preparation = UNPREPARED) -> "CheckReport":
    """Check rules with the events beside them: those of `paths`, or, strictly, the built-in pack."""
    from tocsin.rules.check import CheckReport, check_rules  # takes half a second to import, as it parses

    attack = Attack.load()
    read = partial(normalise, ingest_us=0)
    if paths:
        report = check_rules(paths, attack, read, preparation=preparation)
        if not report.rules and not report.problems:
            raise _no_rule(paths)
        return report
    reports = [
        check_rules([builtin_folder() / name], attack, read, is_baseline=name == "baseline", strict=True)
        for name in ("baseline", "detections")
    ]
    return CheckReport(
        rules=sum(report.rules for report in reports),
        tested=sum(report.tested for report in reports),
        events=sum(report.events for report in reports),
        problems=tuple(problem for report in reports for problem in report.problems),
    )
