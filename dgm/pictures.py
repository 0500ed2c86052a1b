"""How pictures look, and whether one can be drawn here: shared by all that draw with matplotlib, which is optional."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dgm.errors import ConfigError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#666666")
"""Okabe and Ito's, which most colour-blind people tell apart; yellow is replaced, being too light for lines."""
MARKERS = "osD^vPX*"
FORMATS = (".png", ".svg", ".pdf")
STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "grid.color": "#E6E6E6",
    "svg.hashsalt": "dgm",
    "svg.fonttype": "none",
    "text.parse_math": False,  # names of tasks and runs are no formulas
}


def check_picture(path: Path) -> None:
    """Raises ConfigError when no picture could be written there: better before a long search than after it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "--plot needs matplotlib, which is not installed: pip install matplotlib"
        ) from error
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"--plot writes {', '.join(FORMATS)}, got {path.name!r}")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"--plot cannot write {path}: there is no directory {path.absolute().parent}")


def marked(names: Sequence[str], name: str) -> dict[str, Any]:
    """How the points of one of several things are drawn, everywhere the same."""
    n = names.index(name)
    return {
        "color": COLOURS[n % len(COLOURS)],
        "fmt": MARKERS[n % len(MARKERS)],
        "markersize": 5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
        "elinewidth": 1.4,
        "label": name,
    }
