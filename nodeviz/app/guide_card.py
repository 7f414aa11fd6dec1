"""The card that says what a plot shows: its axes, colours and marks, and what to look for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QFrame, QVBoxLayout

from nodeviz.app.guide_page import Page
from nodeviz.app.guide_text import seeing, spoken

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from nodeviz.app.panels.base import Panel
    from nodeviz.app.plots import Plot
    from nodeviz.app.theme import Theme

WIDTH = 360  # pixels
APART = 8  # pixels from the edges of the window


class SeeingCard(QFrame):
    """Lies over the window; a click elsewhere or Escape closes it."""

    def __init__(self, owner: QWidget, subject: str, theme: Theme) -> None:
        super().__init__(owner, Qt.WindowType.Popup)
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        words = seeing()[subject]
        self.subject = subject
        self.setAccessibleName(f"What am I seeing? {words.title}")
        self.setAccessibleDescription(spoken(words.text))
        self.page = Page(words.title, self)
        self.page.begin(theme)
        self.page.add_title(words.title)
        self.page.add_text(words.text)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.addWidget(self.page)
        self._owner = owner

    def show_beside(self, plot: QWidget) -> None:
        """Show the card on a plot, within the window."""
        window = self._owner.window()
        width = min(WIDTH, window.width() - 2 * APART)
        height = min(self.page.natural_height(width - 2) + 4, window.height() - 2 * APART)
        at = plot.mapTo(window, QPoint(max(0, (plot.width() - width) // 2), 24))
        at.setX(max(APART, min(at.x(), window.width() - width - APART)))
        at.setY(max(APART, min(at.y(), window.height() - height - APART)))
        self.setGeometry(*window.mapToGlobal(at).toTuple(), width, height)
        self.show()
        self.page.setFocus(Qt.FocusReason.PopupFocusReason)


def askable(panel: Panel[Any, Any]) -> dict[QWidget, Plot]:
    """Return what of a panel can be asked about: its plots, and the tables that stand in the place of one."""
    tables = {instrument.table: instrument.plot for instrument in getattr(panel, "instruments", {}).values()}
    return {**{plot: plot for plot in panel.plots}, **tables}


def explain_on_demand(panel: Panel[Any, Any]) -> None:
    """Let every plot of a panel be asked what it shows: by its menu, and by the key ``?``."""
    for plot in panel.plots:
        plot.asked.connect(lambda plot=plot: explain(panel, plot))
    for widget, plot in askable(panel).items():
        key = QShortcut(QKeySequence("?"), widget, context=Qt.ShortcutContext.WidgetShortcut)
        key.activated.connect(plot.asked)


def explain(panel: Panel[Any, Any], plot: Plot | None = None) -> SeeingCard:
    """Show what a plot of a panel shows; without one, the plot that has the focus, else the main plot."""
    widgets = askable(panel)
    focused = QApplication.focusWidget()
    about = plot or (widgets[focused] if focused in widgets else panel.plots[0])
    card = SeeingCard(panel, f"{panel.experiment}/{about.subject}", panel.theme)
    seen = [widget for widget, of in widgets.items() if of is about and widget.isVisible()]
    card.show_beside(seen[0] if seen else panel)
    return card
