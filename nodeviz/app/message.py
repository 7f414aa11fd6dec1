"""One sentence over the plots of a panel, with its details to copy."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from nodeviz.app.controls import tool_button


class MessageLine(QFrame):
    """Lies over the plots, so that nothing moves when it comes and goes."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self.details = ""
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy = tool_button("Copy details", "Copy the details of this error")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.details))
        dismiss = tool_button("✕", "Dismiss this message")
        dismiss.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 6, 8, 6)
        row.addWidget(self.text, 1)
        row.addWidget(self.copy)
        row.addWidget(dismiss)
        self.hide()

    def say(self, sentence: str, details: str) -> None:
        """Show a sentence; its details can be copied where there are any."""
        self.details = details or sentence
        self.text.setText(sentence)
        self.copy.setVisible(bool(details))
        self.show()
        self.raise_()

    def place(self, left: int, bottom: int, width: int) -> None:
        """Stand above a line, as high as the sentence needs."""
        layout = self.layout()
        height = layout.totalHeightForWidth(width) if layout is not None else self.sizeHint().height()
        self.setGeometry(left, bottom - height, width, height)
