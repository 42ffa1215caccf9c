"""SigmaHQ's rules for Windows, compiled."""

from pathlib import Path

import pytest

from tests.rules.writing import ATTACK
from tocsin.rules.compile import compile_rules
from tocsin.rules.load import load_rules
from tocsin.rules.match import Matcher

EVALUATED_FOLDERS = ("rules", "rules-emerging-threats", "rules-threat-hunting")


@pytest.fixture(scope="session")
def windows_matcher(sigmahq: Path) -> Matcher:
    rules, errors = load_rules([sigmahq / name for name in EVALUATED_FOLDERS], ATTACK)
    assert all("needs placeholder" in error.reason for error in errors)
    matcher, compile_errors = compile_rules(rule for rule in rules if rule.logsource.product == "windows")
    assert compile_errors == []
    return matcher
