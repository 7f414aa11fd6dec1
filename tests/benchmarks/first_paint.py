"""How long a start takes; run as a process it opens nodeviz as a user does and prints one line of JSON.

The parent passes the time at which it started the process in ``NODEVIZ_STARTED``, by `time.monotonic`, which is the
same clock in all processes. The moments are when the main plot has been painted first, with its axes; and when the
first frame of the experiment, drawn by its panel, has been painted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def main() -> None:
    """Start nodeviz, note when the plot has been painted, close the window."""
    started = float(os.environ["NODEVIZ_STARTED"])
    moments = {"interpreter_s": time.monotonic() - started}
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")  # as nodeviz/__main__.py does
    from nodeviz import cli
    from nodeviz.app import application

    open_window = application.open_window

    def watched(**options: Any) -> Any:
        moments["application_s"] = time.monotonic() - started
        import nodeviz.app.main_window  # noqa: F401 - what open_window does first

        moments["imported_s"] = time.monotonic() - started
        watch(moments, started)
        window = open_window(**options)
        moments["shown_s"] = time.monotonic() - started
        return window

    application.open_window = watched
    code = cli.main([])
    print(json.dumps(moments))
    sys.exit(code)


def watch(moments: dict[str, float], started: float) -> None:
    """Note the first paint of the plane, and the first after its panel drew a frame; then close the window."""
    from PySide6.QtCore import QTimer

    from nodeviz.app.panels.phase import PhasePanel
    from nodeviz.app.panels.phase_plane import PhasePlane

    paint, draw = PhasePlane.paintEvent, PhasePanel.draw
    drawn: list[bool] = []

    def paint_event(plane: PhasePlane, event: Any) -> None:
        paint(plane, event)
        moments.setdefault("first_paint_s", time.monotonic() - started)
        if drawn and "first_frame_s" not in moments:
            moments["first_frame_s"] = time.monotonic() - started
            QTimer.singleShot(0, plane.window().close)

    def draw_frame(panel: PhasePanel, *arguments: Any) -> None:
        drawn.append(True)
        draw(panel, *arguments)

    PhasePlane.paintEvent = paint_event  # type: ignore[method-assign]
    PhasePanel.draw = draw_frame  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
