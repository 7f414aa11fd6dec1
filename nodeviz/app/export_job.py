"""An export that goes on while the window works: a slice of it between two pictures of the clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from nodeviz.app.export import Subject, check, export_frame, size_of
from nodeviz.experiments.params import ParamError
from nodeviz.media.formats import MediaError

if TYPE_CHECKING:
    from pathlib import Path

    from nodeviz.app.export import Shoot
    from nodeviz.app.panels.base import Panel

SLICE = 0.012  # s of drawing before the window gets its turn


class ExportJob(QObject):
    """Writes what a panel shows now, over its time; the panel says how it ended.

    Parameters
    ----------
    panel : whose newest frame is written
    path : str or Path, as in `nodeviz.app.export`
    shoot : Shoot

    Raises
    ------
    MediaError, ParamError : what cannot be, in one sentence
    """

    progressed = Signal(int, int)
    ended = Signal(str)

    def __init__(self, panel: Panel[Any, Any], path: Path | str, shoot: Shoot) -> None:
        if panel.frame is None:
            raise ParamError(f"export: {panel.experiment} has nothing to show yet; wait for its first picture")
        check(path, shoot)
        super().__init__(panel)
        state = panel.session.state(panel.experiment)
        subject = Subject(panel.experiment, state.params, state.seed, state.preset)
        self._panel = panel
        self._steps = export_frame(subject, panel.frame, path, shoot)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._go_on)
        self._timer.start(0)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._timer.isActive()

    def cancel(self) -> None:
        """Give up; nothing is left behind."""
        if self.running:
            self._steps.close()
            self._end("Export cancelled; nothing was written.")

    def _go_on(self) -> None:
        until = time.perf_counter() + SLICE
        try:
            while time.perf_counter() < until:
                self.progressed.emit(*next(self._steps))
        except StopIteration as end:
            self._end(f"Exported {end.value.name} ({size_of(end.value) / 1e6:.2f} MB).")
        except (MediaError, ParamError) as error:
            self._end(str(error))

    def _end(self, sentence: str) -> None:
        self._timer.stop()
        self._panel.show_message(sentence)
        self.ended.emit(sentence)
        self.deleteLater()
