"""Starting and ending the application."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from nodeviz import __version__, doctor
from nodeviz.app.theme import ui_font

if TYPE_CHECKING:
    from nodeviz.app.main_window import MainWindow

# With small arrays NumPy holds the interpreter lock; at the default of 5 ms a timer is late by up to 137 ms.
SWITCH_INTERVAL = 1e-4


def main(*, panel: str, preset: str | None) -> int:
    """Open the window and return the exit code."""
    if not display_available():
        print_without_display()
        return 2
    with contextlib.suppress(OSError, ValueError):
        faulthandler.enable()
    application = make_application()
    window = open_window(panel=panel, preset=preset)
    # Python handles a signal only when it runs: the clock sees to that, so that Ctrl+C in the terminal works.
    signal.signal(signal.SIGINT, lambda *_: QTimer.singleShot(0, window.close))
    return int(application.exec())


def make_application() -> QApplication:
    """Return the application object with nodeviz's settings made."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("nodeviz")
    application.setApplicationVersion(__version__)
    application.setStyle("Fusion")
    application.setFont(ui_font())
    return application


def make_offscreen_application() -> QApplication:
    """Return the application object for drawing without a display, or the one that there is already."""
    if QApplication.instance() is not None:
        return make_application()
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    # What that platform cannot do concerns nobody who only draws.
    qInstallMessageHandler(lambda _kind, _context, text: "propagateSizeHints" in text or sys.stderr.write(f"{text}\n"))
    return make_application()


def open_window(*, panel: str, preset: str | None) -> MainWindow:
    """Return the main window, on screen."""
    from nodeviz.app.main_window import MainWindow

    window = MainWindow()
    # A saved layout brings its own size; the first start fits a small screen.
    window.resize(window.size().boundedTo(window.screen().availableSize()))
    window.begin(panel, preset)
    window.show()
    return window


def display_available() -> bool:
    """Whether a window can be shown: Qt aborts the process where it cannot."""
    if os.environ.get("QT_QPA_PLATFORM", "").startswith(("offscreen", "minimal", "vnc")):
        return True
    return doctor.has_display()


def print_without_display() -> None:
    """Say what works without a display."""
    sys.stderr.write(
        "nodeviz: no display answers to open a window on; without one these work: "
        "nodeviz list, nodeviz run PANEL --json, nodeviz doctor\n"
    )
