"""Starting and ending the application."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, QTimer, qInstallMessageHandler
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from nodeviz import __version__, doctor
from nodeviz.app.crash_log import CrashLog
from nodeviz.app.small_screen import fit
from nodeviz.app.theme import ui_font
from nodeviz.app.trouble import RESET, put_aside, show_crash
from nodeviz.experiments.presets import find_preset
from nodeviz.experiments.registry import REGISTRY
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.app.main_window import MainWindow

# With small arrays NumPy holds the interpreter lock; at the default of 5 ms a timer is late by up to 137 ms.
SWITCH_INTERVAL = 1e-4
DESKTOP_FILE = "org.nodeviz.Nodeviz"  # the desktop's entry, by which it groups and names the windows
CONFIG = "NODEVIZ_CONFIG_DIR"


def main(
    *, panel: str, preset: str | None, safe: bool = False, attach: bool = False, script: Path | None = None
) -> int:
    """Open the window and return the exit code.

    Parameters
    ----------
    panel, preset : what opens in front
    script : that is run once the window is open
    attach : whether scripts may drive the window, however it is remembered
    safe : whether all is as at the first start, and nothing of the user's is read or written but the log of a crash

    Raises
    ------
    ParamError : a preset that is none, as one of the user's is at a safe start
    """
    if preset is not None:  # before there is a window, and before a crash is told that nobody would see
        with own_folder(safe=safe):
            find_preset(panel, preset)
    if not display_available():
        print_without_display()
        return 2
    with CrashLog() as log, own_folder(safe=safe):
        application = make_application()
        said = ""
        while True:
            window = open_window(panel=panel, preset=preset)
            window.attach.begin_later(asked=attach)
            if safe:
                window.setWindowTitle("nodeviz (safe mode: nothing is remembered)")
            window.tell(said)
            if script is not None:
                window.workspace.run_script(script)
            window.errors.actions.listen(log.note)
            show_crash(window, log)
            log.crash = ""  # told: a window after a reset has none before it
            # Python handles a signal only when it runs: the clock sees to that, so that Ctrl+C in the terminal works.
            signal.signal(signal.SIGINT, lambda *_, window=window: QTimer.singleShot(0, window.close))
            code = int(application.exec())
            folder = application.property(RESET)
            if not folder:
                return code
            application.setProperty(RESET, None)
            said = put_aside(Path(folder))  # only now: closing has saved once more
            window.deleteLater()
            panel, preset, script = next(iter(REGISTRY)), None, None


@contextlib.contextmanager
def own_folder(*, safe: bool) -> Generator[None, None, None]:
    """Give the settings a folder of their own that goes with this start, where it is a safe one."""
    if not safe:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="nodeviz-safe-", ignore_cleanup_errors=True) as folder:
        before = os.environ.get(CONFIG)
        os.environ[CONFIG] = folder
        try:
            yield
        finally:
            os.environ.pop(CONFIG)
            if before is not None:
                os.environ[CONFIG] = before


def make_application() -> QApplication:
    """Return the application object with nodeviz's settings made."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("nodeviz")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName(DESKTOP_FILE)
    application.setWindowIcon(app_icon())
    application.setStyle("Fusion")
    application.setFont(ui_font())
    return application


def app_icon() -> QIcon:
    """Return nodeviz's icon in all its sizes; each is read when it is first shown."""
    icon = QIcon()
    for folder in resource_path("icons", "hicolor").iterdir():
        size = int(folder.name.partition("x")[0])
        icon.addFile(str(folder / "apps" / "nodeviz.png"), QSize(size, size))
    return icon


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
    fit(window, window.screen().availableSize())
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
        "nodeviz list, nodeviz run PANEL --json, nodeviz export PANEL --out FILE, nodeviz doctor\n"
    )
