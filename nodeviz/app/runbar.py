"""The buttons that drive a run: train or stop, one step, reset, another seed. The cursor has a bar of its own."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from nodeviz.app.controls import tool_button


class RunBar(QWidget):
    """Says what was pressed: ``train``, ``stop``, ``step``, ``reset`` or ``seed``; it knows no run itself."""

    said = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.training = False
        self.seed_shown = 0
        self.train = tool_button("Train", "Train, or stop training")
        self.train.setObjectName("train")
        self.train.clicked.connect(lambda: self.said.emit("stop" if self.training else "train"))
        self.step = self._tool("Step", "One training step", "step")
        self.reset = self._tool("Reset", "Start again from the same seed", "reset")
        self.seed = self._tool("Seed 0", "Start again from another seed", "seed")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for button in (self.train, self.step, self.reset, self.seed):
            row.addWidget(button)
        metrics = QFontMetrics(self.train.font())
        self.train.setFixedWidth(max(metrics.horizontalAdvance(text) for text in ("Train", "Stop")) + 24)

    def _tool(self, text: str, tip: str, say: str) -> QToolButton:
        button = tool_button(text, tip)
        button.clicked.connect(lambda: self.said.emit(say))
        return button

    def show_run(self, *, training: bool, seed: int) -> None:
        """Show whether training goes on, and from which seed."""
        self.training, self.seed_shown = training, seed
        self.train.setText("Stop" if training else "Train")
        self.seed.setText(f"Seed {seed}")
