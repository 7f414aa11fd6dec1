"""A layout of plots: the large ones share a size, and the two small ones stand where that leaves them most room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

    from nodeviz.app.plots import Plot

GAP = 8
SMALL = 0.38  # share of the width for the small plots beside, or of the height for those below
LEAST = 165  # pixels of height that a small plot needs, its menu and its words included
STAY = 1.08  # another arrangement is taken where its large plots are so much larger


class Tiles(QLayout):
    """One to three large plots side by side or stacked, and two small ones beside or below them.

    Parameters
    ----------
    large, small : the plots; hidden large ones take no room
    lead : int, pixels that the vertical axis of a large plot takes; in a row only the first one has it
    """

    def __init__(self, large: Sequence[Plot], small: Sequence[QWidget], lead: int) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._large, self._small, self._lead = list(large), list(small), lead
        self.arrangement = "beside"
        plots: list[QWidget] = [*large, *small]
        for widget in plots:
            self.addWidget(widget)

    def addItem(self, item: QLayoutItem) -> None:
        """Take an item."""
        self._items.append(item)

    def count(self) -> int:
        """Return how many items there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return an item, None beyond the last one."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Give an item away."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """Take all room there is."""
        return Qt.Orientation.Horizontal | Qt.Orientation.Vertical

    def sizeHint(self) -> QSize:
        """Return a comfortable size."""
        return QSize(560, 420)

    def minimumSize(self) -> QSize:
        """Return the least size at which labels do not clip."""
        return QSize(320, 176)

    def setGeometry(self, rect: QRect) -> None:
        """Place all plots."""
        super().setGeometry(rect)
        # One that is taken out, to be shown alone, is no longer placed here.
        shown = [widget for widget in self._large if not widget.isHidden() and self.indexOf(widget) >= 0]
        if not shown:
            return
        self.arrangement = choose(rect.width(), rect.height(), len(shown), self.arrangement)
        large, small = places(rect, len(shown), self.arrangement, self._lead)
        for number, plot in enumerate(shown):
            plot.lead(on=number == 0 or self.arrangement == "stacked")
        plots: list[QWidget] = [*shown, *self._small]
        for widget, place in zip(plots, (*large, *small), strict=True):
            widget.setGeometry(place)


def choose(width: int, height: int, n: int, current: str) -> str:
    """Return the arrangement in which n square plots are largest; the current one where it is nearly as good."""
    sides = {
        "beside": min((1 - SMALL) * width / n, height),
        "below": min(width / n, (1 - SMALL) * height) if SMALL * height > LEAST else 0.0,
        # Side by side they are compared more easily.
        "stacked": 0.85 * min((1 - SMALL) * width, height / n) if n > 1 else 0.0,
    }
    best = max(sides, key=lambda name: sides[name])
    return best if sides[best] > STAY * sides.get(current, 0.0) else current


def places(rect: QRect, n: int, arrangement: str, lead: int) -> tuple[list[QRect], list[QRect]]:
    """Return the places of n large and two small plots."""
    x, y, width, height = rect.x(), rect.y(), rect.width(), rect.height()
    if arrangement == "below":
        upper = round((1 - SMALL) * (height - GAP))
        half = (width - GAP) // 2
        below = y + upper + GAP
        small = [QRect(x + i * (half + GAP), below, half, height - upper - GAP) for i in range(2)]
        return row(QRect(x, y, width, upper), n, lead), small
    main = round((1 - SMALL) * (width - GAP))
    half = (height - GAP) // 2
    small = [QRect(x + main + GAP, y + i * (half + GAP), width - main - GAP, half) for i in range(2)]
    if arrangement == "stacked":
        part = (height - GAP * (n - 1)) // n
        return [QRect(x, y + i * (part + GAP), main, part) for i in range(n)], small
    return row(QRect(x, y, main, height), n, lead), small


def row(rect: QRect, n: int, lead: int) -> list[QRect]:
    """Return n places side by side, of which the first is wider by the room for its axis."""
    x, y, width, height = rect.x(), rect.y(), rect.width(), rect.height()
    part = (width - lead - GAP * (n - 1)) // n
    starts = [x, *(x + lead + i * (part + GAP) for i in range(1, n))]
    return [QRect(start, y, part + lead * (i == 0), height) for i, start in enumerate(starts)]
