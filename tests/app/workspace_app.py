"""A program for the tests of what is kept: a window with the phase panel that changes something, saves, and waits.

``python -m app.workspace_app FOLDER STEPS``; says ``saved`` when the change is kept, or ``failed: why``, and goes on
until it is killed or its input ends. With STEPS 0 it changes nothing and says what it shows.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from unittest.mock import patch

from PySide6.QtCore import QTimer

from nodeviz.app import main_window
from nodeviz.app.application import make_application
from nodeviz.app.settings import SettingsStore
from nodeviz.experiments.registry import REGISTRY


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201 - that is what it is for


def main(folder: str, steps: int) -> int:
    application = make_application()
    with patch.object(main_window, "REGISTRY", {"phase": REGISTRY["phase"]}):
        window = main_window.MainWindow(SettingsStore(Path(folder)))
    window.begin("phase", None)
    window.show()
    application.processEvents()  # the status line speaks once it is seen
    autosave = window.workspace.autosave
    say("shows", window.facades["phase"].n_steps)
    say("told", window.statusBar().currentMessage())
    if steps:
        autosave.failed.connect(lambda sentence: say("failed:", sentence))
        autosave._written.connect(lambda sentence: sentence or say("saved"))
        window.facades["phase"].n_steps = steps
    closing = QTimer()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    closing.timeout.connect(lambda: ended.is_set() and window.close())
    closing.start(50)
    return int(application.exec())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
