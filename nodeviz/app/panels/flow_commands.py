"""The commands of the flow panel, and the files that they open: pictures, tables of points, and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from nodeviz.app.commands import Command
from nodeviz.app.panels.model_files import ModelFiles, file_commands
from nodeviz.app.panels.training import run_commands
from nodeviz.experiments.flow_models import methods_of
from nodeviz.experiments.flow_params import PICTURES

if TYPE_CHECKING:
    from nodeviz.app.panels.flow import FlowPanel

TARGETS = f"Pictures and tables ({' '.join(f'*{suffix}' for suffix in PICTURES)} *.csv *.txt *.tsv);;All files (*)"


def commands(panel: FlowPanel) -> list[Command]:
    """Return the commands that only this panel has."""
    files = ModelFiles("flow", lambda: methods_of(panel.params), panel.load_flows, panel.save_flows)
    return [
        Command(
            id="open_target_flow",
            title="Open a picture or points as target…",
            menu="File",
            shortcut="Ctrl+Alt+O",
            callback=lambda: ask_for_target(panel),
            echoes=False,
        ),
        *file_commands(panel, files),
        *run_commands(panel, "Paint a target"),
    ]


def ask_for_target(panel: FlowPanel) -> None:
    """Ask for a picture or a table of points, and take it as the target."""
    path, _ = QFileDialog.getOpenFileName(panel, "Open a picture or points as target", "", TARGETS)
    if path:
        panel.attempt(panel.open_target, path)
