"""What a window costs a run that trains in it; run as a process it prints one line of JSON.

``python -m tests.benchmarks.training [--panel classifier] [--preset P] [--seconds 10]``: all panels are visible, one of
them trains. Its steps per second stand beside those of the same run without a window, taken before and after.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from .flood import pass_time
from .playing import Painting, open_window, scrub, watch

ENDLESS = {"weights": "fresh", "steps": 1_000_000}


def headless_rate(panel: str, preset: str, seconds: float) -> float:
    """Return the training steps per second of a run without a window."""
    from nodeviz.experiments.run import Run

    run = Run(panel, preset=preset, changes=ENDLESS)
    updates = run.updates()
    while run.inbox.step < 50:  # until caches are warm
        next(updates)
    before, began = run.inbox.step, time.perf_counter()
    while time.perf_counter() < began + seconds:
        next(updates)
    return (run.inbox.step - before) / (time.perf_counter() - began)


def window_rate(window: Any, panel: Any, painting: Painting, seconds: float, *, scrubbing: bool) -> dict[str, float]:
    """Return the training steps per second in the window, with frames per second and how late its timer is."""
    panel.train()
    pass_time(1.0)
    before, began = panel.steps_seen, time.perf_counter()
    figures = scrub(window, panel, painting, seconds) if scrubbing else watch(window, painting, seconds)
    return {**figures, "steps_per_s": (panel.steps_seen - before) / (time.perf_counter() - began)}


def main() -> int:
    """Train without a window, in one, and in one while somebody scrubs; print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.training", description=__doc__)
    parser.add_argument("--panel", default="classifier")
    parser.add_argument("--preset", default="disc-annulus")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each")
    options = parser.parse_args()
    before = headless_rate(options.panel, options.preset, options.seconds / 2)
    window = open_window(options.panel, options.preset, {})
    panel = window.panels[options.panel]
    window.session.change(options.panel, ENDLESS)
    painting = Painting(panel)
    figures = {
        "panels": sum(each.isVisible() for each in window.panels.values()),
        "training": window_rate(window, panel, painting, options.seconds, scrubbing=False),
        "scrubbing": window_rate(window, panel, painting, options.seconds, scrubbing=True),
    }
    window.close()
    after = headless_rate(options.panel, options.preset, options.seconds / 2)
    headless = (before + after) / 2
    for doing in ("training", "scrubbing"):
        figures[doing]["share"] = figures[doing]["steps_per_s"] / headless
    print(json.dumps({"headless_steps_per_s": headless, **figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
