"""A picture that notebooks show by itself and that can be written to a file; nothing global, no display."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from dgm.pictures import COLOURS, STYLE

WIDTH = 9.0
"""Of a picture in inches: what a notebook shows at full width."""
DPI = 160

INK, PALE, FAINT = "#333333", "#999999", "#E6E6E6"
FIRST, SECOND, GOOD = COLOURS[:3]


class Picture(Figure):
    """A figure of matplotlib."""

    def save(self, path: str | Path) -> None:
        """Write it as `.png`, `.svg` or `.pdf`."""
        with rc_context(STYLE):
            self.savefig(path, dpi=DPI)

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        image = BytesIO()
        with rc_context(STYLE):
            self.savefig(image, format="png", dpi=100)
        return image.getvalue()


@contextmanager
def picture(height: float, width: float = WIDTH) -> Iterator[Picture]:
    """An empty picture of so many inches, drawn on within the `with`."""
    with rc_context(STYLE):
        yield Picture(figsize=(width, height), layout="constrained")
