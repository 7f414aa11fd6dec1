"""The card that says what a plot shows: its axes, colours and marks, and what to look for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QFrame, QVBoxLayout

from nodeviz.app.controls import tool_button
from nodeviz.app.guide_page import Page
from nodeviz.app.guide_text import seeing, spoken

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget

    from nodeviz.app.panels.base import Panel
    from nodeviz.app.plots import Plot
    from nodeviz.app.theme import Theme

WIDTH = 360  # pixels
APART = 8  # pixels from the edges of the window


class SeeingCard(QFrame):
    """Lies over the window until Escape, its button, or the focus goes elsewhere."""

    def __init__(self, panel: QWidget, subject: str, theme: Theme) -> None:
        super().__init__(panel.window())
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        words = seeing()[subject]
        self.subject = subject
        self.setAccessibleName(f"What am I seeing? {words.title}")
        self.setAccessibleDescription(spoken(words.text))
        self.page = Page(words.title, self)
        self.page.setAccessibleDescription(spoken(words.text))
        self.page.begin(theme)
        self.page.add_title(words.title)
        self.page.add_text(words.text)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.addWidget(self.page)
        self.close_button = tool_button("✕", "Close this card")
        self.close_button.setParent(self)
        self.close_button.clicked.connect(self.leave)
        escape = QShortcut(QKeySequence("Escape"), self, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
        escape.activated.connect(self.leave)
        self._asked: QWidget | None = None

    def show_beside(self, asked: QWidget) -> None:
        """Show the card on what was asked about, within the window."""
        self._asked, window = asked, self.window()
        width = min(WIDTH, window.width() - 2 * APART)
        height = min(self.page.natural_height(width - 2) + 4, window.height() - 2 * APART)
        at = asked.mapTo(window, QPoint((asked.width() - width) // 2, 24))
        x = max(APART, min(at.x(), window.width() - width - APART))
        y = max(APART, min(at.y(), window.height() - height - APART))
        self.setGeometry(x, y, width, height)
        self.close_button.adjustSize()
        self.close_button.move(width - self.close_button.width() - 8, 8)
        self.show()
        self.raise_()
        self.page.setFocus(Qt.FocusReason.PopupFocusReason)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._follow)

    def leave(self) -> None:
        """Close, and give the focus back."""
        if self._asked is not None:
            self._asked.setFocus()
        self.close()

    def _follow(self, before: QWidget | None, now: QWidget | None) -> None:
        """Close where the focus went elsewhere; another window's is no reason."""
        del before
        if now is not None and now is not self and not self.isAncestorOf(now):
            self.close()


class AskKey(QObject):
    """Takes the key ``?``, wherever a keyboard has it."""

    def __init__(self, widget: QWidget, asked: Callable[[], None]) -> None:
        super().__init__(widget)
        self._asked = asked
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the key."""
        del watched
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.text() == "?":
            self._asked()
            return True
        return False


def askable(panel: Panel[Any, Any]) -> dict[QWidget, Plot]:
    """Return what of a panel can be asked about: its plots, and the tables that stand in the place of one."""
    tables = {instrument.table: instrument.plot for instrument in getattr(panel, "instruments", {}).values()}
    return {**{plot: plot for plot in panel.plots}, **tables}


def explain_on_demand(panel: Panel[Any, Any]) -> None:
    """Let every plot of a panel be asked what it shows: by its menu, and by the key ``?``."""
    for plot in panel.plots:
        plot.asked.connect(lambda plot=plot: explain(panel, plot))
    for widget, plot in askable(panel).items():
        AskKey(widget, plot.asked.emit)


def explain(panel: Panel[Any, Any], plot: Plot | None = None) -> SeeingCard:
    """Show what a plot of a panel shows; without one, the plot that has the focus, else the main plot."""
    widgets = askable(panel)
    focused = QApplication.focusWidget()
    about = plot or (widgets[focused] if focused in widgets else panel.plots[0])
    card = SeeingCard(panel, f"{panel.experiment}/{about.subject}", panel.theme)
    seen = [widget for widget, of in widgets.items() if of is about and widget.isVisible()]
    card.show_beside(seen[0] if seen else panel)
    return card
