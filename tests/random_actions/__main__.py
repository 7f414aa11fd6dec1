"""A person who does anything at all with all panels, by real events of mouse and keys: nothing may break or grow.

    python -m tests.random_actions --actions 1000 --seed 1

The same seed does the same with the same window; what the runs have reached by then differs. Exit code
0: no unexpected error, no warning of Qt's, every run alive at the end, and memory flat.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from PySide6.QtCore import QtMsgType, qInstallMessageHandler
from PySide6.QtTest import QTest

from .person import WORKING
from .play import play

SILENT = ("propagateSizeHints", "This plugin does not support", "not accepted by receiving widget")


def tell(words: str) -> None:
    """Print."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main() -> int:
    """Open a window with all panels, play, and print what went wrong."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--actions", type=int, default=1000)
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--trace", type=argparse.FileType("w", 1), help="a file for all actions, should Qt abort")
    options = reader.parse_args()
    with tempfile.TemporaryDirectory(prefix="nv") as place:
        os.environ |= {"NODEVIZ_CONFIG_DIR": f"{place}/config", "NODEVIZ_RUNTIME_DIR": f"{place}/run", "HOME": place}
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        from nodeviz.app import main_window
        from nodeviz.app.application import make_application

        wrong: list[str] = []
        faulthandler.enable()

        def hear(kind: QtMsgType, _context: object, text: str) -> None:
            if not any(it in text for it in SILENT):
                wrong.append(f"Qt: {text}")
            if kind == QtMsgType.QtFatalMsg:  # Qt aborts when this returns
                tell(text)

        qInstallMessageHandler(hear)
        application = make_application()
        window = main_window.MainWindow()
        window.begin("phase", None)
        window.show()
        QTest.qWaitForWindowExposed(window)
        began = time.perf_counter()
        wrong += play(
            window,
            actions=options.actions,
            seed=options.seed,
            folder=Path(place) / "files",
            tell=tell,
            trace=options.trace,
        )
        tell(f"{options.actions} actions in {time.perf_counter() - began:.0f} s, seed {options.seed}")
        with patch.object(main_window, "CLOSING_SECONDS", WORKING):  # a worker that hangs ends the process by code 1
            window.close()
        del application
    if options.trace is not None:
        options.trace.close()
    tell("\n\n".join(wrong) or "nothing went wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
