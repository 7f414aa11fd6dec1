"""The commands of the classifier panel, and the files that they open: tables of points, and models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from nodeviz.app.commands import Command
from nodeviz.app.panels.model_files import ModelFiles, file_commands, is_model
from nodeviz.app.panels.training import run_commands

if TYPE_CHECKING:
    from nodeviz.app.panels.classifier import ClassifierPanel

__all__ = ["commands", "is_model"]

TABLES = "CSV (*.csv *.txt *.tsv);;All files (*)"


def commands(panel: ClassifierPanel) -> list[Command]:
    """Return the commands that only this panel has."""
    inside = tuple(panel.plots)
    files = ModelFiles("model", lambda: panel.params.models, panel.load_models, panel.save_models)
    return [
        Command(
            id="open_points_classifier",
            title="Open points to classify (CSV)…",
            menu="File",
            shortcut="Ctrl+Shift+O",
            callback=lambda: ask_for_points(panel),
            echoes=False,
        ),
        *file_commands(panel, files),
        *run_commands(panel, "Paint points"),
        Command(
            id="plane_classifier",
            title="State plane or input plane",
            menu="View",
            shortcut="I",
            inside=inside,
            callback=panel.change_plane,
            echoes=False,
        ),
    ]


def ask_for_points(panel: ClassifierPanel) -> None:
    """Ask for a table of x, y and label, and classify its points."""
    path, _ = QFileDialog.getOpenFileName(panel, "Open points to classify", "", TABLES)
    if path:
        panel.attempt(panel.open_points, path)
