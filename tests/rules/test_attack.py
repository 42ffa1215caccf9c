"""Tags become tactics in matrix order and current techniques; nothing is dropped."""

import pytest

from tests.rules.writing import ATTACK
from tocsin.rules.attack import Resolved


def test_the_table_is_version_19_1_with_15_tactics_in_matrix_order() -> None:
    assert ATTACK.version == "19.1"
    assert [tactic.id for tactic in ATTACK.tactics][:4] == ["TA0043", "TA0042", "TA0001", "TA0002"]
    assert len(ATTACK.tactics) == 15
    assert "© 2026 The MITRE Corporation" in ATTACK.copyright
    assert ATTACK.tactic_name("TA0112") == "Defense Impairment"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["attack.execution", "attack.t1059.001"], Resolved(("TA0002",), ("T1059.001",), ())),
        (["attack.impact", "attack.initial-access"], Resolved(("TA0001", "TA0040"), (), ())),
        (["attack.Privilege_Escalation"], Resolved(("TA0004",), (), ())),
        (["attack.ta0006"], Resolved(("TA0006",), (), ())),
        (["attack.t1059"], Resolved(("TA0002",), ("T1059",), ())),
        (["attack.execution", "attack.T1002"], Resolved(("TA0002",), ("T1560",), ())),
        (["attack.defense-evasion"], Resolved(("TA0005",), (), ())),
        (["attack.defense_evasion", "attack.t1562.001"], Resolved(("TA0112",), ("T1685",), ())),
        (["attack.defense-evasion", "attack.t1218"], Resolved(("TA0005",), ("T1218",), ())),
        (["attack.t1108"], Resolved(("TA0003", "TA0005"), ("T1108",), ())),
        (["attack.exekution", "attack.t9999"], Resolved((), (), ("attack.exekution", "attack.t9999"))),
        (["attack.g0016", "attack.s0002", "attack.ds0005"], Resolved((), (), ())),
        (["cve.2021-44228", "car.2013-05-004", "detection.threat-hunting", "tlp.clear"], Resolved((), (), ())),
    ],
)
def test_tags_resolve_to(tags: list[str], expected: Resolved) -> None:
    assert ATTACK.resolve(tags) == expected
