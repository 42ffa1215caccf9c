"""The ATT&CK matrix: tactics as columns in their order, below them the techniques that fired, with counts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tocsin.stats.report.findings import Fired, Matrix, Technique, Wording
from tocsin.stats.report.markup import Markup, closing, element, level_class, opening
from tocsin.stats.statistics import Statistics
from tocsin.verdict import LEVELS

NO_TECHNIQUE = ""

Cells = Mapping[str, Mapping[str, Mapping[str, int]]]  # tactic id -> technique id -> level -> alerts


def matrix_section(
    fired: Iterable[Fired], statistics: Statistics, matrix: Matrix, wording: Wording
) -> Iterator[Markup]:
    """Yield the columns; a tactic that nothing fired for keeps its place."""
    cells = cells_of(fired, matrix)
    yield opening("div", class_="matrix")
    for tactic in [*matrix.tactics, *(unknown for unknown in cells if unknown not in matrix.tactics)]:
        name = matrix.tactics.get(tactic, tactic or "(no tactic)")
        alerts = sum(statistics.alert_tactics.get(tactic, {}).values())
        yield opening("div", class_="tactic" if alerts else "tactic none")
        known = {one.id for one in matrix.techniques.values() if tactic in one.tactics and "." not in one.id}
        seen = known & {technique.partition(".")[0] for technique in cells.get(tactic, {})}
        said = f"{wording.findings(alerts)}, {len(seen)} of {len(known)} techniques"
        small = element("small", said) if alerts else ""
        yield element("h3", name, small)
        yield element("ul", *_items(cells.get(tactic, {}), matrix.techniques))
        yield closing("div")
    yield closing("div")
    yield element(
        "p",
        f"The number is of {wording.finding}s, the colour that of the highest level among them. One {wording.finding} "
        "whose rule names several techniques counts in each.",
        class_="faint",
    )


def cells_of(fired: Iterable[Fired], matrix: Matrix) -> Cells:
    """Place alerts in columns: a technique stands below those tactics of its rule that ATT&CK knows it for.

    Where ATT&CK knows it for none of them, it stands below all tactics of its rule, or, where that names none, below
    its own. A tactic without one of the techniques has a cell for none.
    """
    cells: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for one in fired:
        placed = set()
        for technique in one.techniques:
            known = matrix.techniques.get(technique)
            own = known.tactics if known else ()
            for tactic in [tactic for tactic in one.tactics if tactic in own] or one.tactics or own:
                placed.add(tactic)
                cells[tactic][technique][one.level] += one.alerts
        for tactic in one.tactics or ([] if placed else [""]):
            if tactic not in placed:
                cells[tactic][NO_TECHNIQUE][one.level] += one.alerts
    return cells


def _items(techniques: Mapping[str, Mapping[str, int]], names: Mapping[str, Technique]) -> Iterator[Markup]:
    """Yield those with most alerts first; sub-techniques below theirs, which is named though it did not fire."""
    families: dict[str, list[str]] = defaultdict(list)
    for technique in techniques:
        families[technique.partition(".")[0]].append(technique)
    totals = {family: sum(sum(techniques[one].values()) for one in members) for family, members in families.items()}
    for family in sorted(families, key=lambda family: (family == NO_TECHNIQUE, -totals[family], family)):
        if family not in techniques:
            yield _item(family, {}, names, "parent")
        for technique in sorted(families[family]):
            yield _item(technique, techniques[technique], names, "sub" if "." in technique else "")


def _item(id_: str, levels: Mapping[str, int], names: Mapping[str, Technique], kind: str) -> Markup:
    name = names[id_].name if id_ in names else id_ or "(no technique named)"
    highest = max(levels, key=LEVELS.index, default="")
    count = element("b", f"{sum(levels.values()):,}") if levels else Markup("")
    classes = " ".join(filter(None, (kind, level_class(highest) if highest else "")))
    return element("li", name, element("small", element("span", id_), count), class_=classes or None)
