"""Asks where an export goes, and shows how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QProgressDialog

from nodeviz.app.export import Shoot
from nodeviz.app.export_job import ExportJob
from nodeviz.experiments.params import ParamError
from nodeviz.media.formats import FORMATS, MediaError

if TYPE_CHECKING:
    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.panels.base import Panel


def ask_export(window: MainWindow, panel: Panel[Any, Any]) -> None:
    """Ask for a file, and write what the panel shows to it; an existing one is asked about by the dialog of files."""
    filters = ";;".join(f"{kind.title} (*{name})" for name, kind in FORMATS.items() if kind.kind != "folder")
    path, _ = QFileDialog.getSaveFileName(window, f"Export {panel.record.title}", f"{panel.experiment}.mp4", filters)
    if path:
        start_export(window, panel, path)


def start_export(window: MainWindow, panel: Panel[Any, Any], path: str) -> ExportJob | None:
    """Begin an export in the window's theme and show its progress; None where it cannot be, and the panel says why."""
    try:
        job = ExportJob(panel, path, Shoot(theme=window.theme_name))
    except (MediaError, ParamError) as error:
        panel.show_message(str(error))
        return None
    progress = QProgressDialog(f"Exporting {path}", "Cancel", 0, 1, window)
    progress.setWindowTitle("Export")
    progress.setWindowModality(Qt.WindowModality.NonModal)
    progress.setMinimumDuration(500)
    progress.setAutoClose(False)
    progress.canceled.connect(job.cancel)
    job.progressed.connect(lambda _, count: progress.setMaximum(count))
    job.progressed.connect(lambda done, _: progress.setValue(done))
    job.ended.connect(progress.deleteLater)
    window.echo(f"{panel.experiment}.export({path!r}, theme={window.theme_name!r})")
    return job
