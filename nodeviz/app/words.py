"""A caption: rich text that wraps, and may change with every frame without anything being laid out anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QMargins, QRectF, QSize
from PySide6.QtGui import QAbstractTextDocumentLayout, QFontMetricsF, QPainter, QPalette, QTextDocument
from PySide6.QtWidgets import QSizePolicy, QWidget

from nodeviz.app.theme import ui_font

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent


class Words(QWidget):
    """Like a label, which asks its layout for another size with every text; this one only when it grows.

    Its height only grows, so that what is above does not dance, until its width changes or `restart` is called.

    Parameters
    ----------
    size : int, pixels of the font; margins : left, top, right, bottom; least, most : pixels of height
    """

    def __init__(self, size: int, margins: tuple[int, int, int, int], least: int, most: int = 10_000) -> None:
        super().__init__()
        self.setObjectName("caption")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._margins, self._least, self.most = QMargins(*margins), least, most
        self._text = ""
        self._document = QTextDocument(self)
        self._document.setDocumentMargin(0)
        self._document.setDefaultFont(ui_font(size))
        self._high = least
        self.setFixedHeight(least)

    def text(self) -> str:
        """Return the rich text."""
        return self._text

    def setText(self, text: str) -> None:
        """Show a rich text; where it does not fit, a tooltip has all of it."""
        if text == self._text:
            return
        self._text = text
        self._document.setHtml(text)
        self.setAccessibleName(self._document.toPlainText())
        self._grow()
        self.update()

    def restart(self) -> None:
        """Let the height begin at its least again."""
        self._high = self._least
        self._grow()

    def sizeHint(self) -> QSize:
        """Return the height in force; the width is whatever there is."""
        return QSize(0, self._high)

    def _grow(self) -> None:
        margins = self._margins
        self._document.setTextWidth(max(1, self.width() - margins.left() - margins.right()))
        needed = int(self._document.size().height()) + margins.top() + margins.bottom()
        self._high = min(max(self._high, needed), max(self.most, self._least))
        self.setToolTip(self._text if needed > self._high else "")
        if self._high != self.height():
            self.setFixedHeight(self._high)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break the lines anew."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.restart()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text in the colour of the style sheet."""
        del event
        painter = QPainter(self)
        painter.translate(self._margins.left(), self._margins.top())
        # Whole lines only: the upper half of one that does not fit is no help.
        line = QFontMetricsF(self._document.defaultFont()).height()
        room = self.height() - self._margins.top() - self._margins.bottom()
        painter.setClipRect(QRectF(0.0, 0.0, float(self.width()), max(1, int(room / line + 0.1)) * line))
        context = QAbstractTextDocumentLayout.PaintContext()
        colours = QPalette(context.palette)
        colours.setColor(QPalette.ColorRole.Text, self.palette().color(QPalette.ColorRole.WindowText))
        context.palette = colours
        self._document.documentLayout().draw(painter, context)
        painter.end()
