"""What lets the window fit a small screen, as one of 1280 x 720, or a large one at 200 %."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from nodeviz.app.main_window import MainWindow

LEAST = 300  # pixels of a header
WORDS = 60  # pixels of a text in the status line


class Header(QWidget):
    """The head of a panel: what does not fit into it is hidden, rather than that it widens the window."""

    def minimumSizeHint(self) -> QSize:
        """Return how small it may be; the dock's layout asks for this alone."""
        return QSize(LEAST, super().minimumSizeHint().height())


def fit(window: MainWindow, available: QSize) -> None:
    """Make a window no larger than the screen; where its panels side by side are, they lie behind each other."""
    for words in (window.engine_words, window.frame_words, window.last_line):
        words.setMinimumWidth(WORDS)
    least = window.minimumSizeHint()
    if least.width() > available.width() or least.height() > available.height():
        docks = [window.docks[name] for name in window.panels]
        for first, second in itertools.pairwise(docks):
            window.tabifyDockWidget(first, second)
    window.resize(window.size().boundedTo(available))
