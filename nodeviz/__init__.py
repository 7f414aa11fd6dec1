"""nodeviz: a desktop laboratory for ODE solvers and continuous-depth deep learning.

The names below are imported on first use, so that ``import nodeviz`` itself loads neither NumPy nor Qt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nodeviz.api import Event, export, panels, run, solve
    from nodeviz.client import connect

__version__ = "0.1.0"
__all__ = ["Event", "__version__", "connect", "export", "panels", "run", "solve"]


def __getattr__(name: str) -> Any:
    if name == "connect":  # for scripts that only drive a window: no NumPy
        from nodeviz import client

        return client.connect
    if name in __all__:
        from nodeviz import api

        return getattr(api, name)
    raise AttributeError(f"module 'nodeviz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
