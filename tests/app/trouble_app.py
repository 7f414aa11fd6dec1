"""The program for the tests of crashes, resets and safe starts: nodeviz itself, driven from within.

``python -m tests.app.trouble_app ACT [ARGUMENT]...`` runs the command line with the arguments, and does the act when a
window is open. ``look`` prints what each start shows, as one line of JSON.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from typing import Any
from unittest.mock import patch

from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QPlainTextEdit, QPushButton

from nodeviz import cli
from nodeviz.app import application, main_window
from nodeviz.experiments.registry import REGISTRY


def look(window: Any) -> None:
    dialogs = [dialog for dialog in window.findChildren(QDialog) if dialog.isVisible()]
    seen = {
        "title": window.windowTitle(),
        "theme": window.theme_name,
        "t1": window.panels["phase"].params.t1,
        "said": window.statusBar().currentMessage(),
        "dialogs": [dialog.windowTitle() for dialog in dialogs],
        "text": "\n".join(text.toPlainText() for dialog in dialogs for text in dialog.findChildren(QPlainTextEdit)),
    }
    print(json.dumps(seen), flush=True)  # noqa: T201 - what the test reads
    window.close()


def change(window: Any) -> None:
    """Change what is remembered, and close."""
    window.commands.run("light_theme")
    window.session.try_change("phase", {"t1": 7.5})
    window.close()


def crash(window: Any) -> None:
    """Die in the middle of work."""
    window.session.try_change("phase", {"t1": 7.5})
    faulthandler._sigsegv()  # type: ignore[attr-defined]


def abort(window: Any) -> None:
    """Die as Qt does."""
    del window
    os.abort()


def leave(window: Any) -> None:
    """End without a word, as what is killed does."""
    del window
    os._exit(9)


def reset(window: Any) -> None:
    """Reset everything by the menu and the button, and look at the next window."""
    ACTS["reset"] = look
    window.commands.run("light_theme")
    window.session.try_change("phase", {"t1": 7.5})
    window.commands.run("reset_everything")
    (dialog,) = (each for each in window.findChildren(QDialog) if each.objectName() == "reset")
    print(json.dumps({"named": dialog.text.toPlainText()}), flush=True)  # noqa: T201 - what the test reads
    (button,) = (each for each in dialog.findChildren(QPushButton) if each.text() == "Reset and start again")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


ACTS = {act.__name__: act for act in (look, change, crash, abort, leave, reset)}


def main() -> int:
    act, *arguments = sys.argv[1:]
    opened = application.open_window

    def open_window(**options: Any) -> Any:
        window = opened(**options)
        QTimer.singleShot(300, lambda: ACTS[act](window))
        return window

    only = {"phase": REGISTRY["phase"]}
    with patch.object(application, "open_window", open_window), patch.object(main_window, "REGISTRY", only):
        return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
