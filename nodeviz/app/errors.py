"""What happens to an error that nobody expected: one dialog with copyable details, never hundreds."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget

if TYPE_CHECKING:
    from types import TracebackType

LOG = logging.getLogger("nodeviz")


class ErrorDialog(QObject):
    """Shows unexpected errors of the GUI thread: the first in a dialog, those that come meanwhile are counted."""

    caught = Signal(str)
    _arrived = Signal(str, str)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._box: QMessageBox | None = None
        self._more = 0
        self._previous = sys.excepthook
        self._arrived.connect(self._show)

    def install(self) -> None:
        """Take the place of Python's own hook, which a windowed program's users never see."""
        self._previous = sys.excepthook
        sys.excepthook = self.show_error

    def remove(self) -> None:
        """Give the hook back, unless somebody else has taken it meanwhile."""
        if sys.excepthook == self.show_error:
            sys.excepthook = self._previous

    def show_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Log an error and show it; from whichever thread it comes, the dialog is the GUI thread's."""
        if issubclass(kind, KeyboardInterrupt):
            self._window.close()
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        LOG.error(details)
        self._arrived.emit(f"{kind.__name__}: {error}", details)

    def _show(self, sentence: str, details: str) -> None:
        self.caught.emit(details)
        if self._box is not None:
            self._more += 1
            self._box.setInformativeText(f"{self._more} more since then; nodeviz goes on with the last good state.")
            return
        self._open(sentence, details)

    def _open(self, sentence: str, details: str) -> None:
        box = QMessageBox(QMessageBox.Icon.Warning, "nodeviz", sentence, QMessageBox.StandardButton.Close, self._window)
        box.setInformativeText("This should not have happened; nodeviz goes on with the last good state.")
        box.setDetailedText(details)
        copy = box.addButton("Copy details", QMessageBox.ButtonRole.ActionRole)
        copy.clicked.disconnect()
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(details))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setModal(False)
        box.finished.connect(self._closed)
        self._box, self._more = box, 0
        box.show()

    def _closed(self) -> None:
        self._box = None
