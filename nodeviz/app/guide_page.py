"""A page of text with mathematics in it: paragraphs, lines of code, and a task that stands out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QPainter,
    QPyTextObject,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
)
from PySide6.QtWidgets import QFrame, QTextBrowser

from nodeviz.app.equations import Equation, equation, renderer
from nodeviz.app.guide_text import Paragraph, Piece, paragraphs
from nodeviz.app.theme import DARK, Theme, code_font, ui_font

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtWidgets import QWidget

TEXT, TITLE, CODE = 13, 16, 11  # pixels
INLINE, DISPLAY = 14.5, 16.0  # pixels of mathematics: its letters are smaller than those of a sans-serif font
LINE = 132.0  # percent between lines, so that indices have room below them
MATH = QTextFormat.ObjectTypes.UserObject.value + 1
LATEX = QTextFormat.Property.UserProperty.value + 1
ALONE = LATEX + 1
MARGIN = 16


class Mathematics(QPyTextObject):
    """Draws the equations of a document, in its own colour."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.colour = DARK.text

    def intrinsicSize(self, document: QTextDocument, position: int, form: QTextFormat) -> QSizeF:
        """Return the room of an equation; within a line what hangs below it is left to the space between lines."""
        del position
        made, scale = self._fitted(document, form)
        height = made.height if form.property(ALONE) else made.ascent
        return QSizeF(scale * made.width, scale * height)

    def drawObject(
        self, painter: QPainter, rect: QRectF | QRect, document: QTextDocument, position: int, form: QTextFormat
    ) -> None:
        """Draw an equation."""
        del position
        made, scale = self._fitted(document, form)
        place = made.rect(rect.left(), rect.top() + scale * made.ascent, scale)
        renderer(made.svg, self.colour).render(painter, place)

    def _fitted(self, document: QTextDocument, form: QTextFormat) -> tuple[Equation, float]:
        alone = bool(form.property(ALONE))
        made = equation(str(form.property(LATEX)), DISPLAY if alone else INLINE, display=alone)
        room = document.textWidth() - 2 * document.documentMargin()
        return made, min(1.0, room / made.width) if room > 0 else 1.0


class Page(QTextBrowser):
    """Shows what `guide_text.paragraphs` reads. It never follows a link by itself."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._mathematics = Mathematics(self)
        self.document().documentLayout().registerHandler(MATH, self._mathematics)
        self.document().setDocumentMargin(MARGIN)
        self.document().setDefaultFont(ui_font(TEXT))
        self._theme = DARK

    def begin(self, theme: Theme) -> None:
        """Empty the page and take a theme."""
        self._theme = theme
        self._mathematics.colour = theme.text
        self.clear()

    def add_title(self, text: str) -> None:
        """Add a title."""
        form = self._form(ui_font(TITLE, semibold=True), self._theme.text)
        self._new_block(self.textCursor(), 0, 6).insertText(text, form)

    def add_text(self, text: str) -> None:
        """Add paragraphs."""
        cursor = self._end()
        for paragraph in paragraphs(text):
            self._add(cursor, paragraph)

    def add_code(self, heading: str, lines: Iterable[str]) -> None:
        """Add quiet lines of code below a heading."""
        cursor = self._new_block(self._end(), 0, 4)
        cursor.insertText(heading, self._form(ui_font(12), self._theme.quiet))
        for line in lines:
            cursor = self._new_block(cursor, 0, 1)
            cursor.insertText(line, self._form(code_font(CODE), self._theme.quiet))

    def add_task(self, heading: str, text: str, *, done: bool) -> None:
        """Add a task on a ground of its own; one that is done says so calmly."""
        frame = QTextFrameFormat()
        frame.setBackground(QBrush(QColor(self._theme.raised)))
        frame.setPadding(10)
        frame.setTopMargin(12)
        frame.setBottomMargin(14)
        outside = self._end()
        cursor = QTextCursor(outside.insertFrame(frame))
        cursor.setBlockFormat(self._block(0, 2))
        cursor.insertText(
            heading, self._form(ui_font(TEXT, semibold=True), self._theme.accent if done else self._theme.text)
        )
        for paragraph in paragraphs(text):
            self._add(cursor, paragraph)

    def natural_height(self, width: int) -> int:
        """Return the height at which nothing need scroll."""
        copy = self.document().clone(self)  # the document itself takes no other width than that of its widget
        copy.documentLayout().registerHandler(MATH, self._mathematics)
        copy.setDocumentMargin(MARGIN)
        copy.setTextWidth(width)
        height = int(copy.size().height()) + 1
        copy.deleteLater()
        return height

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy mathematics as LaTeX between dollar signs."""
        chosen, walker = self.textCursor(), QTextCursor(self.document())
        parts = []
        for place in range(chosen.selectionStart(), chosen.selectionEnd()):
            letter = self.document().characterAt(place)
            walker.setPosition(place + 1)
            latex = walker.charFormat().property(LATEX) if letter == "\ufffc" else None
            parts.append("\n" if letter == "\u2029" else f"${latex}$" if latex else letter)
        data = QMimeData()
        data.setText("".join(parts))
        return data

    def _end(self) -> QTextCursor:
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor

    @staticmethod
    def _block(above: float, below: float) -> QTextBlockFormat:
        block = QTextBlockFormat()
        block.setTopMargin(above)
        block.setBottomMargin(below)
        block.setLineHeight(LINE, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        return block

    def _new_block(self, cursor: QTextCursor, above: float, below: float) -> QTextCursor:
        """Begin a block; the first one of a document or a frame is there already."""
        if cursor.block().length() > 1:
            cursor.insertBlock()
        cursor.setBlockFormat(self._block(above, below))
        return cursor

    @staticmethod
    def _form(font: QFont, colour: str) -> QTextCharFormat:
        form = QTextCharFormat()
        form.setFont(font)
        form.setForeground(QBrush(QColor(colour)))
        return form

    def _add(self, cursor: QTextCursor, paragraph: Paragraph) -> None:
        cursor = self._new_block(cursor, 4, 6)
        if paragraph.display:
            block = QTextBlockFormat()
            block.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            block.setTopMargin(6)
            block.setBottomMargin(10)
            cursor.setBlockFormat(block)
        for piece in paragraph.pieces:
            self._insert(cursor, piece, alone=paragraph.display)

    def _insert(self, cursor: QTextCursor, piece: Piece, *, alone: bool) -> None:
        theme = self._theme
        if piece.kind == "math":
            form = self._form(ui_font(TEXT), theme.text)
            form.setObjectType(MATH)
            form.setProperty(LATEX, piece.text)
            form.setProperty(ALONE, alone)
            cursor.insertText("\ufffc", form)
            return
        font = code_font(TEXT - 1) if piece.kind == "code" else ui_font(TEXT, semibold=piece.kind == "strong")
        font.setItalic(piece.kind == "emphasis")
        cursor.insertText(piece.text, self._form(font, theme.text))
