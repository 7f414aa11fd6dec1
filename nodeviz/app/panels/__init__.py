"""One module per panel; panels never import each other."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nodeviz.app.panels.base import Panel


def panel_of(experiment: str) -> type[Panel[Any, Any]]:
    """Return the panel class of an experiment: ``PANEL`` of the module that bears its name."""
    panel: type[Panel[Any, Any]] = import_module(f"nodeviz.app.panels.{experiment}").PANEL
    return panel
