"""The Python surface: ``nodeviz.solve``, ``Event``, ``run`` and, inside the window, ``nodeviz.panels``."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

from nodeviz.engine.integrate import Event, solve
from nodeviz.experiments.run import Run

__all__ = ["Event", "run", "solve"]


def run(panel: str, *, preset: str | None = None, seed: int = 0, **params: object) -> Run:
    """Return a headless run of a panel: iterate it for frames, then read ``metrics`` and ``history``.

    Parameters
    ----------
    panel : str, as in ``nodeviz list``
    preset : str or None, a shipped preset to start from
    seed : int, 0 or more; the same seed gives the same run
    params : parameter values on top of the preset

    Raises
    ------
    ParamError : an unknown panel, preset or parameter, or a value outside its limits
    """
    return Run(panel, preset=preset, seed=seed, changes=params)


def __getattr__(name: str) -> Any:
    if name != "panels":
        raise AttributeError(f"module 'nodeviz.api' has no attribute {name!r}")
    # The window owns its panels; looking it up here keeps Qt out of every program that opens no window.
    widgets = sys.modules.get("PySide6.QtWidgets")
    application = widgets.QApplication.instance() if widgets else None
    facades = application.property("nodeviz_panels") if application else None
    if facades is None:
        # An AttributeError, so that hasattr and inspect take it for what it is.
        raise AttributeError("nodeviz.panels: no window is open in this program; use nodeviz.run(panel) without one")
    return SimpleNamespace(**facades)


def __dir__() -> list[str]:
    return sorted([*__all__, "panels"])
