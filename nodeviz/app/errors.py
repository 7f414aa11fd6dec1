"""What happens to an error that nobody expected: one dialog with copyable details, never hundreds."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFrame, QMessageBox, QTextEdit, QWidget

from nodeviz.app.report import ActionLog, report
from nodeviz.app.theme import code_font

if TYPE_CHECKING:
    from types import TracebackType

LOG = logging.getLogger("nodeviz")
CALM_SECONDS = 10.0  # that the same error must not have come for, until it is news again
LONGEST = 240  # characters of the sentence; the details have all of it


class ErrorDialog(QObject):
    """Shows unexpected errors, of whichever thread: the first in a dialog, those that come meanwhile are counted.

    An error that comes again and again, as from a timer, is shown once: closing the dialog must not open the next one.
    """

    caught = Signal(str)
    _arrived = Signal(str, str, str)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.actions = ActionLog()
        self._box: QMessageBox | None = None
        self._report = ""
        self._more = 0
        self._seen: dict[str, float] = {}  # an error's place -> when it came last
        self._previous = sys.excepthook, threading.excepthook
        self._arrived.connect(self._show)

    def install(self) -> None:
        """Take the place of Python's own hooks, which a windowed program's users never see."""
        self._previous = sys.excepthook, threading.excepthook
        sys.excepthook = self.show_error
        threading.excepthook = self.show_thread_error

    def remove(self) -> None:
        """Give the hooks back, unless somebody else has taken them meanwhile."""
        if sys.excepthook == self.show_error:
            sys.excepthook = self._previous[0]
        if threading.excepthook == self.show_thread_error:
            threading.excepthook = self._previous[1]

    def show_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Log an error and show it; from whichever thread it comes, the dialog is the GUI thread's."""
        if issubclass(kind, KeyboardInterrupt):
            self._window.close()
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        LOG.error(details)
        self._arrived.emit(_sentence(kind, error), details, _place(kind, trace))

    def show_thread_error(self, failed: threading.ExceptHookArgs) -> None:
        """Show what ended a thread of Python's."""
        if issubclass(failed.exc_type, SystemExit | KeyboardInterrupt):
            return
        error = failed.exc_value if failed.exc_value is not None else failed.exc_type()
        name = failed.thread.name if failed.thread is not None else "a thread"
        error.add_note(f"It ended the thread {name}.")
        self.show_error(failed.exc_type, error, failed.exc_traceback)

    def report(self, details: str) -> str:
        """Return the text that "Copy details" gives."""
        return report(details, self.actions.lines, _screen(self._window))

    def _show(self, sentence: str, details: str, place: str) -> None:
        self.caught.emit(details)
        now = time.monotonic()
        last, self._seen[place] = self._seen.get(place), now
        if self._box is not None:
            self._more += 1
            self._box.setInformativeText(f"{self._more} more since then; nodeviz goes on with the last good state.")
        elif last is None or now - last > CALM_SECONDS:
            self._open(sentence, details)

    def _open(self, sentence: str, details: str) -> None:
        box = QMessageBox(QMessageBox.Icon.Warning, "nodeviz", "", QMessageBox.StandardButton.Close, self._window)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(sentence)
        box.setInformativeText("This should not have happened; nodeviz goes on with the last good state.")
        self._report = self.report(details)
        box.setDetailedText(self._report)
        for text in box.findChildren(QTextEdit):
            text.setAccessibleName("Details of the error")
            text.setFont(code_font(11))
        for line in box.findChildren(QFrame):
            line.setHidden(line.frameShape() == QFrame.Shape.HLine)  # Qt's own, glaring in the dark
        copy = box.addButton("Copy details", QMessageBox.ButtonRole.ActionRole)
        copy.clicked.disconnect()  # it would close the dialog
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._report))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setModal(False)
        box.finished.connect(self._closed)
        self._box, self._more = box, 0
        box.show()

    def _closed(self) -> None:
        self._box = None


def _sentence(kind: type[BaseException], error: BaseException) -> str:
    """Return an error as one short line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an error that cannot even say what it is
        text = "it cannot be put into words"
    line = f"{kind.__name__}: {text}" if text else kind.__name__
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."


def _place(kind: type[BaseException], trace: TracebackType | None) -> str:
    """Return where an error comes from; the same error from the same line is the same place."""
    frames = traceback.extract_tb(trace)
    return f"{kind.__name__} {frames[-1].filename}:{frames[-1].lineno}" if frames else kind.__name__


def _screen(window: QWidget) -> str:
    """Return a line about the display."""
    application = QApplication.instance()
    if not isinstance(application, QApplication) or window.screen() is None:
        return ""
    size, scale = window.screen().size(), window.devicePixelRatio()
    return (
        f"{application.platformName()}, screen {size.width()} x {size.height()} at {scale:.0%}, "
        f"window {window.width()} x {window.height()}"
    )
