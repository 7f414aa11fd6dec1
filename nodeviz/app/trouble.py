"""What the window offers where something is wrong: the log of a crash, and a reset of everything."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
)

from nodeviz.app.about import about
from nodeviz.app.commands import Command
from nodeviz.app.crash_log import running
from nodeviz.app.report import packages
from nodeviz.app.reset import ResetError, remembered, reset
from nodeviz.app.theme import code_font

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nodeviz.app.crash_log import CrashLog
    from nodeviz.app.main_window import MainWindow

RESET = "nodeviz_reset"  # property of the application: the folder that is reset once the window is closed
WIDTH, HEIGHT = 600, 400


def trouble_commands(window: MainWindow) -> list[Command]:
    """Return the commands of the Help menu for when something is wrong, and for what a report of it needs."""
    return [
        Command(
            id="reset_everything",
            title="Reset everything…",
            menu="Help",
            tip="Begin as at the first start; what is remembered is named first, and kept in a backup",
            callback=lambda: ask_reset(window),
        ),
        Command(id="about", title="About nodeviz", menu="Help", callback=lambda: about(window)),
    ]


class TextDialog(QDialog):
    """A sentence over a text that can be read, selected and copied, with buttons below; does not stop the window."""

    def __init__(self, window: MainWindow, title: str, sentence: str, text: str, name: str) -> None:
        super().__init__(window)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.sentence = QLabel(sentence)
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.text = QPlainTextEdit(text)
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(name)
        self.buttons = QDialogButtonBox()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 12)
        column.setSpacing(12)
        column.addWidget(self.sentence)
        column.addWidget(self.text, 1)
        column.addWidget(self.buttons)
        self.resize(min(WIDTH, round(window.width() * 0.9)), min(HEIGHT, round(window.height() * 0.8)))

    def add_button(self, text: str, role: QDialogButtonBox.ButtonRole, act: Callable[[], object]) -> QPushButton:
        """Add a button that does something."""
        button = self.buttons.addButton(text, role)
        button.clicked.connect(lambda: act())
        return button


def show_crash(window: MainWindow, log: CrashLog) -> None:
    """Show how an earlier run ended, where it crashed."""
    if not log.crash:
        return
    dialog = TextDialog(
        window,
        "nodeviz crashed the last time",
        "The last run ended by a crash, of which this log tells. If nodeviz crashes at each start, "
        "nodeviz --safe-mode starts it without anything that it remembers.",
        log.crash,
        "Log of the crash",
    )
    dialog.setObjectName("crash")
    dialog.text.setFont(code_font(11))
    dialog.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    text = f"{log.crash}\n{packages()}\n"
    role = QDialogButtonBox.ButtonRole.ActionRole
    dialog.add_button("Copy the log", role, partial(copy, text))
    folder = QUrl.fromLocalFile(str(log.folder))
    dialog.add_button("Open its folder", role, lambda: QDesktopServices.openUrl(folder))
    close = dialog.add_button("Close", QDialogButtonBox.ButtonRole.RejectRole, dialog.close)
    close.setDefault(True)
    dialog.show()
    close.setFocus()


def copy(text: str) -> None:
    """Put a text on the clipboard."""
    QGuiApplication.clipboard().setText(text)


def ask_reset(window: MainWindow) -> None:
    """Name what would be forgotten, and ask."""
    folder = window.store.path.parent
    window.remember()  # what is named is what would go, that of this minute too
    things = [thing.words for thing in remembered(folder)] or ["nothing so far: this is how nodeviz starts first"]
    dialog = TextDialog(
        window,
        "Reset everything",
        "nodeviz closes, forgets what is named here and starts as it did the first time. "
        f"All of it is kept in a backup folder in {folder}.",
        "\n".join(f"•  {words}" for words in things),
        "What would be forgotten",
    )
    dialog.setObjectName("reset")
    cancel = dialog.add_button("Cancel", QDialogButtonBox.ButtonRole.RejectRole, dialog.close)
    cancel.setDefault(True)
    dialog.add_button(
        "Reset and start again", QDialogButtonBox.ButtonRole.AcceptRole, partial(close_and_reset, window, dialog)
    )
    dialog.show()
    cancel.setFocus()


def close_and_reset(window: MainWindow, dialog: TextDialog) -> None:
    """Close the window; the reset follows when all has been saved that is saved on closing."""
    if running(besides=os.getpid()):  # whose settings and session would go, and which would save again
        dialog.sentence.setText("Nothing was reset: another nodeviz is open; close it, then reset.")
        return
    application = QApplication.instance()
    dialog.close()
    if application is not None:
        application.setProperty(RESET, str(window.store.path.parent))
        window.close()


def put_aside(folder: Path) -> str:
    """Reset a folder and say in a sentence what became of it."""
    try:
        backup = reset(folder)
    except ResetError as error:
        return str(error)
    return f"Everything is reset; what was remembered is kept in {backup}" if backup else "There was nothing to reset"
