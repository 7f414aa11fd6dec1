"""The small controls that forms, plots and headers are made of."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QContextMenuEvent, QIcon, QKeyEvent, QPainter, QPixmap, QWheelEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QToolButton

from nodeviz.app.slider import JumpSlider


class QuietSlider(JumpSlider):
    """A slider that leaves the wheel to the column it stands in, unless it has the focus."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the column rather than change a value by accident."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class QuietCombo(QComboBox):
    """A choice that leaves the wheel to the column it stands in."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the column."""
        event.ignore()


class Entry(QLineEdit):
    """A line whose text is sent on Enter or when the focus leaves, and only if it was changed.

    ``menu_asked`` carries its menu of cut, copy and paste, before it is shown, for whoever has more to offer.
    """

    sent = Signal(str)
    given_up = Signal()
    menu_asked = Signal(object)

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        super().__init__()
        self.setAccessibleName(name)
        if quiet:
            self.setObjectName("value")
            self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._shown = ""
        self.editingFinished.connect(self._finish)

    def show_text(self, text: str) -> None:
        """Show a text; what a person is typing at this moment stays."""
        self._shown = text
        if not (self.hasFocus() and self.isModified()):
            self.setText(text)
            self.setCursorPosition(0)
        self.mark(refused=False)

    def mark(self, *, refused: bool) -> None:
        """Mark a refused entry by its border."""
        if bool(self.property("refused")) == refused:
            return  # a style sheet is slow to put on, and every change of a parameter comes by here
        self.setProperty("refused", refused)
        self.style().unpolish(self)
        self.style().polish(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape brings the value in force back."""
        if event.key() == Qt.Key.Key_Escape:
            self.setModified(False)
            self.show_text(self._shown)
            self.given_up.emit()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Show the menu of a line of text, and what others add to it."""
        menu = self.createStandardContextMenu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.menu_asked.emit(menu)
        menu.popup(event.globalPos())

    def _finish(self) -> None:
        if self.isModified() and self.text() != self._shown:
            self.setModified(False)
            self.sent.emit(self.text())


def tool_button(text: str, tip: str) -> QToolButton:
    """Return a quiet button whose tooltip is its name for screen readers too."""
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button


def swatch(colour: str) -> QIcon:
    """Return a small square of one colour."""
    pixmap = QPixmap(20, 20)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawRoundedRect(0, 0, 20, 20, 5, 5)
    painter.end()
    return QIcon(pixmap)
