"""Exports on their way: a row for each in the dialog, and one button for all in the status line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from nodeviz.app.controls import tool_button
from nodeviz.app.export_estimate import about_time

if TYPE_CHECKING:
    from nodeviz.app.export_job import ExportJob, Exports

TICK = 200  # ms between two looks at how far it is
ROW = 28  # pixels of height
KEPT = 3  # rows of exports that have ended


class JobRow(QWidget):
    """One export: its name, how far it is, how long it still takes, and a button that ends it."""

    cancelled = Signal(object)
    dismissed = Signal(object)

    def __init__(self, job: ExportJob) -> None:
        super().__init__()
        self.job: ExportJob | None = job
        self._name = job.name
        self.name = QLabel(job.name)
        self.name.setMinimumWidth(60)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName(f"Progress of {job.name}")
        self.words = QLabel()
        self.words.setObjectName("quiet")
        self.words.setMinimumWidth(1)
        self.button = tool_button("Cancel", f"Cancel the export of {job.name}")
        self.button.clicked.connect(self._press)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.name)
        row.addWidget(self.bar, 1)
        row.addWidget(self.words)
        row.addWidget(self.button)
        job.ended.connect(self.end)
        self.show_progress()

    def show_progress(self) -> None:
        """Show how far it is."""
        if self.job is None:
            return
        self.bar.setRange(0, max(1, self.job.count))
        self.bar.setValue(self.job.done)
        self.words.setText(f"{self.job.done:,} of {self.job.count:,}, {time_left(self.job)}")

    def end(self, sentence: str) -> None:
        """Say how it ended; the row stays until somebody has seen it."""
        self.job = None
        self.bar.hide()
        self.words.setText(sentence)
        self.words.setToolTip(sentence)
        self.words.setWordWrap(True)
        layout = self.layout()
        assert isinstance(layout, QHBoxLayout)
        layout.setStretchFactor(self.words, 1)
        self.name.hide()
        self.button.setText("✕")
        self.button.setToolTip("Dismiss this line")
        self.button.setAccessibleName(f"Dismiss the line about {self._name}")

    def _press(self) -> None:
        if self.job is None:
            self.dismissed.emit(self)
        else:
            self.cancelled.emit(self.job)


def time_left(job: ExportJob) -> str:
    """Return how long an export still takes, in words."""
    left = job.seconds_left
    if left is None:
        return "computing ..." if not job.done else "beginning ..."
    return "ending the file ..." if job.done >= job.count else f"{about_time(left)} left"


class JobList(QScrollArea):
    """A row for each export of the window, newest last; those that have no room scroll.

    ``cancelled`` carries the one that somebody gives up.
    """

    cancelled = Signal(object)

    def __init__(self, exports: Exports) -> None:
        super().__init__()
        self.rows: list[JobRow] = []
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(4)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setMinimumHeight(ROW)
        self._timer = QTimer(self, interval=TICK)
        self._timer.timeout.connect(self._tick)
        for job in exports.running:
            self.add(job)
        exports.added.connect(self.add)
        self.setVisible(bool(self.rows))

    def sizeHint(self) -> QSize:
        """Return the height of all rows, as far as they are few."""
        return QSize(100, (ROW + 4) * min(len(self.rows), KEPT + 1) - 4)

    def add(self, job: ExportJob) -> None:
        """Show one more, in the place of the oldest that has ended."""
        for row in [row for row in self.rows if row.job is None][: -KEPT or None]:
            self.remove(row)
        made = JobRow(job)
        made.cancelled.connect(self.cancelled)
        made.dismissed.connect(self.remove)
        self.rows.append(made)
        self._column.addWidget(made)
        self.updateGeometry()
        self.show()
        self._timer.start()

    def remove(self, row: JobRow) -> None:
        """Take a row away."""
        self.rows.remove(row)
        self._column.removeWidget(row)
        row.hide()
        row.deleteLater()
        self.updateGeometry()
        self.setVisible(bool(self.rows))

    def _tick(self) -> None:
        for row in self.rows:
            row.show_progress()
        if all(row.job is None for row in self.rows):
            self._timer.stop()


class ExportButton(QToolButton):
    """Says in the status line how far all exports are; a press opens the dialog that tells more."""

    def __init__(self, exports: Exports) -> None:
        super().__init__()
        self._exports = exports
        self.setToolTip("Exports on their way: show and cancel them")
        self.setAccessibleName("Exports on their way")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self._timer = QTimer(self, interval=TICK)
        self._timer.timeout.connect(self._tick)
        exports.added.connect(self._begin)
        self.hide()

    def _begin(self) -> None:
        self.show()
        self._timer.start()
        self._tick()

    def _tick(self) -> None:
        jobs = self._exports.running
        if not jobs:
            self._timer.stop()
            self.hide()
            return
        share = sum(job.done for job in jobs) / max(1, sum(job.count for job in jobs))
        one = len(jobs) == 1
        what = f"{jobs[0].name}: {share:.0%}, {time_left(jobs[0])}" if one else f"{len(jobs)} files: {share:.0%}"
        self.setText(f"Exporting {what}")
