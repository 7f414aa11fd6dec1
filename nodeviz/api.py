"""The Python surface: ``nodeviz.solve``, ``Event``, ``run`` and, inside the window, ``nodeviz.panels``."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from nodeviz.between_steps import drain
from nodeviz.engine.integrate import Event, solve
from nodeviz.experiments.registry import REGISTRY, find_experiment
from nodeviz.experiments.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Event", "export", "run", "solve"]


def run(panel: str, *, preset: str | None = None, seed: int | None = None, **params: object) -> Run:
    """Return a headless run of a panel: iterate it for frames, then read ``metrics`` and ``history``.

    Parameters
    ----------
    panel : str, as in ``nodeviz list``
    preset : str or None, a preset to start from, of those that ship or of your own
    seed : int or None, 0 or more; the same seed gives the same run; None for that of a preset of your own, else 0
    params : parameter values on top of the preset

    Raises
    ------
    ParamError : an unknown panel, preset or parameter, or a value outside its limits
    """
    return Run(panel, preset=preset, seed=seed, changes=params)


def export(
    panel: str,
    path: str | Path,
    *,
    preset: str | None = None,
    seed: int | None = None,
    params: Mapping[str, object] | None = None,
    **options: Any,
) -> Path:
    """Draw a panel into a picture or an animation, and return its path.

    Parameters
    ----------
    panel : str, as in ``nodeviz list``; "grid" for all of them in one picture, each with its first preset
    path : str or Path; .mp4 .webm .gif .apng .webp, a folder with a / at its end, or a still: .png .svg .pdf
    preset : str or None, a preset to start from, of those that ship or of your own; the panel's first one where neither
        it nor params are given
    seed : int or None, 0 or more; None for that of a preset of your own, else 0
    params : parameter values on top of the preset
    options : those of `nodeviz.experiments.shoot.Shoot`: size=(1280, 720) in pixels, fps=30, seconds=8, speed=None,
        there_and_back=False, loop=0, at=None (the panel's time, for a still), over="" ("time", "points", "training"),
        theme="dark", plot=0, title=True, caption=True, transparent=False, quality=80, codec=""

    Raises
    ------
    ValueError : what cannot be, in one sentence; nothing is left behind
    """
    from nodeviz.app.application import make_offscreen_application
    from nodeviz.app.export import GRID, check, export_runs, make_shoot
    from nodeviz.experiments.params import ParamError

    application = make_offscreen_application()
    shoot = make_shoot(options)
    panels = list(REGISTRY) if panel == GRID else [panel]
    check(path, shoot, panels=len(panels))
    if panel == GRID and (preset is not None or params):
        raise ParamError("panel=grid: presets and parameters are those of one panel; name it")
    shown = shoot.over != "training"
    first = shown and preset is None and not params
    written = drain(
        export_runs(
            [
                Run(
                    name,
                    preset=find_experiment(name).first_preset if first else preset,
                    seed=seed,
                    changes=params,
                    shown=shown,
                )
                for name in panels
            ],
            path,
            shoot,
        )
    )
    del application
    return written


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
