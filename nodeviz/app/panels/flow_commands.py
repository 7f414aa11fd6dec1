"""The commands of the flow panel, and the files that they open: pictures, tables of points, and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from nodeviz.app.commands import Command
from nodeviz.app.panels.training import run_commands
from nodeviz.experiments.flow_params import PICTURES

if TYPE_CHECKING:
    from nodeviz.app.panels.flow import FlowPanel

FLOWS = "Flows (*.npz *.json);;All files (*)"
TARGETS = f"Pictures and tables ({' '.join(f'*{suffix}' for suffix in PICTURES)} *.csv *.txt *.tsv);;All files (*)"


def commands(panel: FlowPanel) -> list[Command]:
    """Return the commands that only this panel has."""
    return [
        Command(
            id="open_target_flow",
            title="Open a picture or points as target…",
            menu="File",
            shortcut="Ctrl+Alt+O",
            callback=lambda: ask_for_target(panel),
            echoes=False,
        ),
        Command(
            id="load_flows_flow",
            title="Open flows…",
            menu="File",
            callback=lambda: ask_for_flows(panel),
            echoes=False,
        ),
        Command(
            id="save_flows_flow",
            title="Save flows…",
            menu="File",
            callback=lambda: ask_where_to_save(panel),
            echoes=False,
        ),
        *run_commands(panel, "Paint a target"),
    ]


def ask_for_target(panel: FlowPanel) -> None:
    """Ask for a picture or a table of points, and take it as the target."""
    path, _ = QFileDialog.getOpenFileName(panel, "Open a picture or points as target", "", TARGETS)
    if path:
        panel.attempt(panel.open_target, path)


def ask_for_flows(panel: FlowPanel) -> None:
    """Ask for a file of weights and show its flow."""
    path, _ = QFileDialog.getOpenFileName(panel, "Open flows", "", FLOWS)
    if path:
        panel.attempt(panel.load_flows, path)


def ask_where_to_save(panel: FlowPanel) -> None:
    """Ask for a file, or for a folder where there are two flows, and write them there."""
    if panel.params.compare == "none":
        path, _ = QFileDialog.getSaveFileName(panel, "Save the flow", f"{panel.params.method}.npz", FLOWS)
    else:
        path = QFileDialog.getExistingDirectory(panel, "Save the flows in a folder")
    if path:
        panel.attempt(panel.save_flows, path)
