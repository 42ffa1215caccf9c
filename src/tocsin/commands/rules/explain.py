"""Say why a rule fires on an event, or why it does not.

Each selection and each of its lines is asked of the engine by itself. The exit code is 0 where the rule fires, 1 where
it does not."""

import argparse
from typing import TYPE_CHECKING, Any

from tocsin.commands.options import add_preparation, add_reading, add_tuning, config_of, path
from tocsin.plain import plain, plain_json

if TYPE_CHECKING:
    from tocsin.rules.explain import Explanation, Line

HELP = "say why a rule fires on an event, or why not"
EXAMPLES = """\
examples:
  tocsin rules explain my-rule.yml --event logs/security.jsonl:17
  tocsin rules explain "Suspicious Encoded PowerShell" --event Sysmon.evtx:4096
  tocsin rules explain 5b572dcf-254b-425c-a8c5-d9af6bea35a6 --rules sigma/rules --event events.jsonl.gz:3 --json
"""

_SHOWN_CHARACTERS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rule", help="a file with one rule, or an id, a title or a part of it")
    parser.add_argument("--event", required=True, metavar="FILE:LINE", help="line of JSON Lines, or record of EVTX")
    parser.add_argument("--rules", nargs="+", type=path, default=[], metavar="PATH", help="where the rule is")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_preparation(parser)
    add_tuning(parser)
    add_reading(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.explain import explain_rule

    explanation = explain_rule(config, parsed.rule, parsed.rules, parsed.event)
    if parsed.json:
        import orjson

        written = orjson.dumps(_as_object(explanation), option=orjson.OPT_INDENT_2, default=str)
        print(plain_json(written).decode())
    else:
        _show(explanation)
    return 0 if explanation.fires else 1


def _show(explanation: "Explanation") -> None:
    rule, has = explanation.rule, explanation.event_logsource
    print(f"{plain(rule.title)} ({rule.id}): {'fires' if explanation.fires else 'does not fire'}")
    wanted = str(rule.logsource) or "any"
    is_a = " ".join(filter(None, (has.product, *has.categories, has.service))) or "of no known log source"
    print(f"{_mark(explanation.is_routed)} log source: {plain(wanted)}; the event is {plain(is_a)}")
    print(f"{_mark(explanation.holds)} condition: {plain(' | '.join(explanation.conditions))}")
    for selection in explanation.selections:
        print(f"  {_mark(selection.holds)} {plain(selection.name)}")
        for number, lines in enumerate(selection.alternatives, 1):
            if len(selection.alternatives) > 1:
                print(f"    {_mark(all(line.holds for line in lines))} alternative {number}")
            for line in lines:
                indent = "      " if len(selection.alternatives) > 1 else "    "
                print(f"{indent}{_mark(line.holds)} {_line(line)}")
    for one in explanation.filters:
        print(f"{_mark(one.holds)} filter: {plain(one.title)} ({plain(one.place)})")


def _line(line: "Line") -> str:
    wanted = plain(_written(line.wanted), _SHOWN_CHARACTERS)
    if not line.key or line.key.startswith("|"):
        return f"keywords {wanted}"
    found = "missing" if line.values is None else plain(", ".join(map(_written, line.values)), _SHOWN_CHARACTERS)
    return f"{plain(line.key)}: {wanted}  <- {found or '(empty)'}"


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return "null" if value is None else str(value)


def _mark(holds: bool) -> str:
    return "+" if holds else "-"


def _as_object(explanation: "Explanation") -> dict[str, Any]:
    has = explanation.event_logsource
    return {
        "rule": {"id": explanation.rule.id, "title": explanation.rule.title},
        "fires": explanation.fires,
        "is_routed": explanation.is_routed,
        "event_logsource": {"product": has.product, "service": has.service, "categories": has.categories},
        "holds": explanation.holds,
        "conditions": explanation.conditions,
        "filters": [{"title": one.title, "place": one.place, "holds": one.holds} for one in explanation.filters],
        "selections": [
            {
                "name": selection.name,
                "holds": selection.holds,
                "alternatives": [
                    [
                        {"key": line.key, "wanted": line.wanted, "holds": line.holds, "values": line.values}
                        for line in lines
                    ]
                    for lines in selection.alternatives
                ],
            }
            for selection in explanation.selections
        ],
    }
