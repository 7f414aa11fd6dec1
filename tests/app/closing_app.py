"""A program for the tests of closing: a window whose run ends, goes on, raises or hangs, closed while it does so.

``python -m tests.app.closing_app WAY``; says on stderr when it closes, by `time.monotonic`.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer

from nodeviz.app.application import make_application, open_window

if TYPE_CHECKING:
    from nodeviz.experiments.base import Steps


def ends(params: Any, rng: Any, inbox: Any) -> Steps:
    del params, rng, inbox
    yield None
    return {}


def goes_on(params: Any, rng: Any, inbox: Any) -> Steps:
    del params, rng, inbox
    while True:
        time.sleep(0.005)
        yield None


def raises(params: Any, rng: Any, inbox: Any) -> Steps:
    del params, rng, inbox
    yield None
    raise ZeroDivisionError("planted")


def raises_on_closing(params: Any, rng: Any, inbox: Any) -> Steps:
    del params, rng, inbox
    try:
        while True:
            yield None
    finally:
        raise ZeroDivisionError("planted")


def hangs(params: Any, rng: Any, inbox: Any) -> Steps:
    del params, rng, inbox
    yield None
    threading.Event().wait(60.0)
    return {}


WAYS = {way.__name__: way for way in (ends, goes_on, raises, raises_on_closing, hangs)}


def main() -> int:
    application = make_application()
    window = open_window(panel="phase", preset=None)
    panel = window.panels["phase"]
    panel.record = dataclasses.replace(panel.record, steps=WAYS[sys.argv[1]])
    panel.start()

    def close() -> None:
        sys.stderr.write(f"closing at {time.monotonic()}\n")
        window.close()

    QTimer.singleShot(300, close)
    return int(application.exec())


if __name__ == "__main__":
    sys.exit(main())
