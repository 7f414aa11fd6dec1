"""The commands of the classifier panel, and the files that they open: tables of points, and models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from nodeviz.app.commands import Command
from nodeviz.app.panels.training import run_commands

if TYPE_CHECKING:
    from nodeviz.app.panels.classifier import ClassifierPanel

MODELS = "Models (*.npz *.json);;All files (*)"
TABLES = "CSV (*.csv *.txt *.tsv);;All files (*)"


def commands(panel: ClassifierPanel) -> list[Command]:
    """Return the commands that only this panel has."""
    inside = tuple(panel.plots)
    return [
        Command(
            id="open_points_classifier",
            title="Open points to classify (CSV)…",
            menu="File",
            shortcut="Ctrl+Shift+O",
            callback=lambda: ask_for_points(panel),
            echoes=False,
        ),
        Command(
            id="load_models_classifier",
            title="Open models…",
            menu="File",
            callback=lambda: ask_for_models(panel),
            echoes=False,
        ),
        Command(
            id="save_models_classifier",
            title="Save models…",
            menu="File",
            callback=lambda: ask_where_to_save(panel),
            echoes=False,
        ),
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


def ask_for_models(panel: ClassifierPanel) -> None:
    """Ask for a model file and show it."""
    path, _ = QFileDialog.getOpenFileName(panel, "Open models", "", MODELS)
    if path:
        panel.attempt(panel.load_models, path)


def ask_where_to_save(panel: ClassifierPanel) -> None:
    """Ask for a file, or for a folder where there are several models, and write them there."""
    if len(panel.params.models) == 1:
        path, _ = QFileDialog.getSaveFileName(panel, "Save the model", f"{panel.params.models[0]}.npz", MODELS)
    else:
        path = QFileDialog.getExistingDirectory(panel, "Save the models in a folder")
    if path:
        panel.attempt(panel.save_models, path)


def is_model(path: str) -> bool:
    """Return whether a path is taken for models rather than for a table."""
    return Path(path).suffix.lower() in {".npz", ".json"} or Path(path).is_dir()
