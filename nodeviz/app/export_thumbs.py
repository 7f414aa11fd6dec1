"""Small pictures in the export dialog, and the line that asks before something is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from nodeviz.app.theme import ui_font

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QPaintEvent

LINE = 18  # pixels of the words below
CHECKS = 8  # pixels of a square of the ground that is not there


class Thumb(QWidget):
    """One picture of an export, as large as there is room, with its name below."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._image = QImage()
        self._words = ""
        self._shape = QSize(16, 9)
        self.setMinimumSize(64, 20 + LINE)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(f"{title} picture")

    @property
    def image(self) -> QImage:
        """What is shown; null while nothing is."""
        return self._image

    def expect(self, size: tuple[int, int], words: str) -> None:
        """Wait for a picture of this shape; the one before stays until then if it has that shape."""
        shape = QSize(*size)
        if shape.width() * self._shape.height() != shape.height() * self._shape.width():
            self._image = QImage()
        self._shape, self._words = shape, words
        self.update()

    def show_image(self, image: QImage) -> None:
        """Show a picture."""
        self._image = image
        self.update()

    def show_words(self, words: str) -> None:
        """Change the words below."""
        if words != self._words:
            self._words = words
            self.setAccessibleDescription(words)
            self.update()

    def place(self) -> QRect:
        """Return where the picture stands."""
        size = self._shape.scaled(self.width(), self.height() - LINE, Qt.AspectRatioMode.KeepAspectRatio)
        return QRect((self.width() - size.width()) // 2, 0, size.width(), size.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture or an empty place for it, and the words."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        place, quiet = self.place(), self.palette().placeholderText().color()
        if self._image.isNull():
            painter.fillRect(place, self.palette().alternateBase())
        else:
            if self._image.hasAlphaChannel():
                self._draw_checks(painter, place)
            ratio = self.devicePixelRatioF()
            small = self._image.scaled(
                place.size() * ratio, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            painter.drawImage(place, small)
        edge = QColor(quiet)
        edge.setAlphaF(0.4)
        painter.setPen(edge)
        painter.drawRect(place.adjusted(0, 0, -1, -1))
        painter.setPen(quiet)
        painter.setFont(ui_font(12))
        words = f"{self._title}   {self._words}".strip()
        below = QRect(0, place.bottom() + 2, self.width(), LINE)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop), words)
        painter.end()

    def _draw_checks(self, painter: QPainter, place: QRect) -> None:
        """Draw squares where a see-through picture lets the ground show."""
        painter.save()
        painter.setClipRect(place)
        painter.fillRect(place, QColor("#8a8f96"))
        for row in range(-(-place.height() // CHECKS)):
            for column in range(row % 2, -(-place.width() // CHECKS), 2):
                painter.fillRect(
                    place.x() + column * CHECKS, place.y() + row * CHECKS, CHECKS, CHECKS, QColor("#a3a8af")
                )
        painter.restore()


class Question(QFrame):
    """Asks one thing in place, with an answer that does it and one that does not."""

    answered = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("message")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.yes, self.no = QPushButton(), QPushButton("Go back")
        self.no.setAccessibleName("Go back without exporting")
        self._then: Callable[[], None] | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 8, 6)
        row.setSpacing(8)
        row.addWidget(self.text, 1)
        for button, answer in ((self.yes, True), (self.no, False)):
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, answer=answer: self._answer(answer))
            row.addWidget(button)
        self.hide()

    def ask(self, sentence: str, yes: str, then: Callable[[], None]) -> None:
        """Ask; do what is to be done once the answer is yes."""
        self.text.setText(sentence)
        self.yes.setText(yes)
        self.yes.setAccessibleName(yes)
        self.yes.setAccessibleDescription(sentence)
        self._then = then
        self.show()
        self.yes.setFocus()

    def drop(self) -> None:
        """Take the question back: what it was about has changed."""
        self._then = None
        self.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter answers with the button that has the focus, Escape goes back."""
        if event.key() == Qt.Key.Key_Escape:
            self._answer(False)
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._answer(self.yes.hasFocus())
        else:
            super().keyPressEvent(event)

    def _answer(self, yes: bool) -> None:
        then = self._then
        self.drop()
        self.answered.emit(yes)
        if yes and then is not None:
            then()
