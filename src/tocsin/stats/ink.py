"""The colours of the drawings, and text from logs made fit to be drawn."""

import unicodedata

from tocsin.plain import plain

# A ramp that darkens with the level, so that it reads without colour too (after ColorBrewer's YlOrRd).
LEVEL_COLOURS = {
    "informational": "#d9d9d9",
    "low": "#fee391",
    "medium": "#fdb863",
    "high": "#e8601c",
    "critical": "#800026",
}
HEAT_COLOURS = "YlGnBu"  # light to dark in even steps: few alerts stay quiet, many stand out, in grey too
ACTIVITY_COLOURS = ("#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#f0e442", "#332288")  # after Okabe and Ito
STAGE_COLOURS = {"produce": "#0072b2", "classify": "#d55e00", "store": "#009e73"}  # Okabe and Ito
OTHER_COLOUR = "#bbbbbb"
LABEL_COLOUR = "#a0126e"
TEXT_COLOUR = "#222222"
FAINT_COLOUR = "#666666"
EMPTY_COLOUR = "#f4f4f2"

_MARKS_AND_FORMATS = {"Mn", "Me", "Cf"}  # would pile up on their neighbours, or reorder them


def drawn(text: str, width: int = 60) -> str:
    """Return text from a log as one short line that Matplotlib draws as it stands: no formula, no controls."""
    composed = unicodedata.normalize("NFC", plain(text[: width * 8]))
    simple = "".join(letter for letter in composed if unicodedata.category(letter) not in _MARKS_AND_FORMATS)
    return plain(simple, width).replace("$", r"\$")


def short_count(count: int) -> str:
    """Return at most four characters: 950, 1.2k, 34k, 5.6M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            amount = count / size
            return f"{amount:.1f}{unit}" if amount < 9.95 else f"{amount:.0f}{unit}"
    return str(count)
