"""Where the window and its docks are: kept as bytes, put back, and reset as a step of undo."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray
from PySide6.QtGui import QUndoCommand

if TYPE_CHECKING:
    from nodeviz.app.main_window import MainWindow

LAYOUT_VERSION = 3  # of the docks: raise it when docks are added, renamed or removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The window's place and docks, as Qt saved them: opaque bytes of layout ``LAYOUT_VERSION``."""

    geometry: bytes
    state: bytes


def layout_of(window: MainWindow) -> Layout:
    """Return where everything is now."""
    return Layout(geometry=bytes(window.saveGeometry().data()), state=bytes(window.saveState(LAYOUT_VERSION).data()))


def put_layout(window: MainWindow, layout: Layout) -> None:
    """Put everything back where it was; a layout that Qt does not take gives the one of the first start."""
    window.restoreGeometry(QByteArray(layout.geometry))
    if not window.restoreState(QByteArray(layout.state), LAYOUT_VERSION):
        window.reset_layout()


class LayoutReset(QUndoCommand):
    """One step of undo: all docks as at the first start."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__("reset layout")
        self._window = weakref.ref(window)  # which owns the stack of these steps
        self._layout = layout_of(window)
        self._folds = {name: panel.folded for name, panel in window.panels.items()}

    def redo(self) -> None:
        """Put every dock where it was at the first start."""
        window = self._window()
        if window is not None:
            window.reset_layout()

    def undo(self) -> None:
        """Put them back where they were before."""
        window = self._window()
        if window is None:
            return
        put_layout(window, self._layout)
        for name, folded in self._folds.items():
            window.panels[name].fold(on=folded)
