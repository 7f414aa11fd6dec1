"""The commands of the latent panel, and the files that they open: tables of observations, and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from nodeviz.app.commands import Command
from nodeviz.app.panels.model_files import ModelFiles, file_commands
from nodeviz.app.panels.running import bar_commands

if TYPE_CHECKING:
    from nodeviz.app.panels.latent import LatentPanel

TABLES = "CSV (*.csv *.txt *.tsv);;All files (*)"


def commands(panel: LatentPanel) -> list[Command]:
    """Return the commands that only this panel has."""
    inside = tuple(panel.plots)
    files = ModelFiles("latent model", lambda: ("latent",), panel.load_model, panel.save_model)
    return [
        Command(
            id="open_series_latent",
            title="Open a series (CSV)…",
            menu="File",
            callback=lambda: ask_for_series(panel),
            echoes=False,
        ),
        *file_commands(panel, files),
        Command(
            id="random_latent",
            title="Random irregular sample",
            menu="Edit",
            shortcut="R",
            inside=inside,
            callback=panel.next_random,
            echoes=False,
        ),
        Command(
            id="clear_latent",
            title="Clear the observations",
            menu="Edit",
            shortcut="Ctrl+Backspace",
            inside=inside,
            callback=lambda: panel.attempt(panel.clear),
            echoes=False,
        ),
        Command(
            id="unmove_latent",
            title="Take the moved coordinate back",
            menu="Edit",
            callback=lambda: panel.attempt(panel.session.change, panel.experiment, {"nudge": 0.0}),
            echoes=False,
        ),
        *bar_commands(panel),
    ]


def ask_for_series(panel: LatentPanel) -> None:
    """Ask for a table of observations and take it."""
    path, _ = QFileDialog.getOpenFileName(panel, "Open a series", "", TABLES)
    if path:
        panel.attempt(panel.open_series, path)
