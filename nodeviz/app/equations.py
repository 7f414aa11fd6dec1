"""Mathematics in LaTeX, drawn as outlines: sharp at every scale, in the colour of the text it stands in."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import NamedTuple

from PySide6.QtCore import QByteArray, QRectF
from PySide6.QtSvg import QSvgRenderer

INK = "#123456"  # stands for the colour in what is kept, and is in no outline


class Equation(NamedTuple):
    """One equation that is set.

    Attributes
    ----------
    svg : the outlines, in the colour `INK`
    width, ascent, descent : pixels, the latter two above and below the line that the text stands on
    """

    svg: str
    width: float
    ascent: float
    descent: float

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return self.ascent + self.descent

    def rect(self, x: float, baseline: float, scale: float = 1.0) -> QRectF:
        """Return where it lies when it begins at x on a line of text."""
        return QRectF(x, baseline - scale * self.ascent, scale * self.width, scale * self.height)


@lru_cache(maxsize=1024)
def equation(latex: str, size: float, *, display: bool = False) -> Equation:
    r"""Set an equation.

    Parameters
    ----------
    latex : such as ``\dot h = f_\theta(h, t)``, without dollar signs
    size : pixels of the font; display : whether it stands on a line of its own rather than within one
    """
    # Here: it reads its font, and a window that shows no mathematics need not wait for that.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it finds its font in the older way
        from ziamath.config import config
        from ziamath.zmath import Latex

    config.svg2 = False  # Qt draws no symbols that are defined in one place and used in another
    svg = Latex(latex, size=size, color=INK, inline=not display).svg()
    _, top, width, height = view_box(svg)
    return Equation(svg=svg, width=width, ascent=-top, descent=top + height)


def view_box(svg: str) -> tuple[float, float, float, float]:
    """Return left, top, width and height of what an SVG shows; the line that text stands on is at 0."""
    numbers = svg.partition('viewBox="')[2].partition('"')[0].split()
    left, top, width, height = map(float, numbers)
    return left, top, width, height


@lru_cache(maxsize=1024)
def renderer(svg: str, colour: str) -> QSvgRenderer:
    """Return what draws an equation in a colour."""
    made = QSvgRenderer(QByteArray(svg.replace(INK, colour).encode()))
    if not made.isValid():
        raise ValueError(f"{svg[:80]!r}: no picture that can be drawn")
    return made
