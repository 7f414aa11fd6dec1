"""Real windows with the panels that a test is about: what others would build and compute, nobody pays for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from nodeviz.app import main_window
from nodeviz.app.application import make_application
from nodeviz.app.settings import SettingsStore
from nodeviz.experiments.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def opened(qtbot: Any, folder: Path, *panels: str, preset: str | None = None) -> Generator[Any, None, None]:
    """Show a window with these panels, by default with all, and the preset in the first one; close it at the end."""
    make_application()
    with patch.object(main_window, "REGISTRY", {name: REGISTRY[name] for name in panels or REGISTRY}):
        window = main_window.MainWindow(SettingsStore(folder))
    # A run that does not end in time would take the process with it, and on a busy machine none does for certain.
    with patch.object(main_window, "CLOSING_SECONDS", 30.0):
        try:
            window.resize(1280, 800)
            window.begin(next(iter(window.panels)), preset)
            window.show()
            with qtbot.waitExposed(window):
                pass
            yield window
        finally:
            window.close()
            window.deleteLater()
