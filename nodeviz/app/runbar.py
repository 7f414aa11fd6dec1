"""The buttons that drive a run: train or stop, a step, reset, from scratch, a seed. The cursor has its own bar."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from nodeviz.app.controls import tool_button


class RunBar(QWidget):
    """Says what was pressed: ``train``, ``stop``, ``step``, ``reset``, ``scratch`` or ``seed``; it knows no run."""

    said = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.training = False
        self.seed_shown = 0
        self.fresh = True
        self._brief = False
        self.train = tool_button("Train", "Train, or stop training")
        self.train.setObjectName("train")
        self.train.clicked.connect(lambda: self.said.emit("stop" if self.training else "train"))
        self.step = self._tool("Step", "One training step", "step")
        self.reset = self._tool("Reset", "", "reset")
        self.scratch = self._tool(
            "Fresh", "Leave the weights that came with it, and train fresh ones from the first step", "scratch"
        )
        self.seed = self._tool("Seed 0", "Start again from the next seed: other points, other fresh weights", "seed")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for button in (self.train, self.step, self.reset, self.scratch, self.seed):
            row.addWidget(button)
        metrics = QFontMetrics(self.train.font())
        self.train.setFixedWidth(max(metrics.horizontalAdvance(text) for text in ("Train", "Stop")) + 24)
        self.show_run(training=False, seed=0, fresh=True)

    def _tool(self, text: str, tip: str, say: str) -> QToolButton:
        button = tool_button(text, tip)
        button.clicked.connect(lambda: self.said.emit(say))
        return button

    def show_run(self, *, training: bool, seed: int, fresh: bool) -> None:
        """Show whether training goes on, from which seed, and whether it began with fresh weights."""
        self.training, self.seed_shown, self.fresh = training, seed, fresh
        self.train.setText("Stop" if training else "Train")
        self.seed.setText(f"Seed {seed}")
        self.scratch.setHidden(fresh or self._brief)
        begins = "train it again from its first step" if fresh else "take back the weights that came with it"
        self.reset.setToolTip(f"Forget all training, and {begins}, with the same seed")
        self.reset.setAccessibleName(self.reset.toolTip())

    def brief(self, *, on: bool) -> None:
        """Show the most used buttons only; the panel's menu has them all."""
        self._brief = on
        self.step.setHidden(on)
        self.reset.setHidden(on)
        self.scratch.setHidden(self.fresh or on)
