"""Write a figure as a file, with one look whatever the user's settings of Matplotlib."""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from tocsin.errors import ConfigError
from tocsin.stats.ink import TEXT_COLOUR

SUFFIXES = (".png", ".svg")
_STYLE = {
    "axes.edgecolor": "#999999",
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "font.family": ["DejaVu Sans"],
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "svg.hashsalt": "tocsin",
    "text.color": TEXT_COLOUR,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}


def write_picture(figure_of: Callable[[], Figure], path: Path) -> None:
    """Write what `figure_of` draws as PNG or SVG, by the suffix of `path`.

    Raises ConfigError for another suffix, OSError where it cannot write.
    """
    check_name(path)
    suffix = path.suffix.lower()
    with style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # names in any script; drawn as boxes
        picture = BytesIO()
        metadata = {"Date": None} if suffix == ".svg" else None  # the same figures give the same bytes
        _laid_out(figure_of()).savefig(picture, format=suffix[1:], metadata=metadata)
    path.write_bytes(picture.getvalue())


def check_name(path: Path) -> None:
    """Raise ConfigError for a name that does not say in which form to draw."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"cannot draw `{path}`: give a name that ends in .png or .svg")


def style() -> AbstractContextManager[None]:
    """Give the same look whatever the user's matplotlibrc says; the backend of a notebook stays as it is."""
    style: Any = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    return matplotlib.rc_context(style | _STYLE)


def _laid_out(figure: Figure) -> Figure:
    """Find the places once: an engine that stays would have the figure drawn twice."""
    layout = figure.get_layout_engine()
    if layout:
        layout.execute(figure)
        figure.set_layout_engine("none")
    return figure
