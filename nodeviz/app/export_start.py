"""What starts and ends exports, whoever asks; how they are said as Python, and those of before in a menu."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QMenu

from nodeviz.app.export_job import ExportJob, Exports
from nodeviz.app.export_recent import Recent, read_recent, with_newest
from nodeviz.app.export_text import log_line
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.shoot import Shoot
from nodeviz.media.formats import MediaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget

    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.panels.base import Panel


def start_export(
    window: MainWindow,
    panel: Panel[Any, Any],
    path: str,
    shoot: Shoot | None = None,
    *,
    grid: bool = False,
    complain: Callable[[str], object] | None = None,
) -> ExportJob | None:
    """Begin an export, by default in the window's theme; None where it cannot be, and the panel says why."""
    shoot = shoot or Shoot(theme=window.theme_name)
    panels = Exports.of(window.session).panels if grid else ()
    try:
        job = ExportJob(panel, path, shoot, panels)
    except (MediaError, ParamError) as error:
        (complain or panel.show_message)(str(error))
        return None
    window.echo(log_line(panel.experiment, path, shoot, grid=grid))
    return job


def cancel(window: MainWindow, job: ExportJob) -> None:
    """Give an export up, and say so as Python."""
    panel, path = job.panel, job.path
    job.cancel()
    window.echo(f"{panel.experiment}.cancel_export({path!r})")


def remember(window: MainWindow, recent: Recent) -> None:
    """Keep an export with the settings."""
    exports = with_newest(window.settings.exports, recent)
    window.settings = dataclasses.replace(window.settings, exports=exports)
    window.tell(window.store.save(window.settings))


def recent_menu(window: MainWindow, parent: QWidget, take: Callable[[Recent], object]) -> QMenu:
    """Return a menu of earlier exports, the newest first; ``take`` gets the one that is chosen."""
    menu = QMenu("Recent exports", parent)
    menu.setToolTipsVisible(True)

    def fill() -> None:
        menu.clear()
        for recent in read_recent(window.settings.exports):
            if recent.panel in window.panels:
                action = menu.addAction(recent.title())
                action.setToolTip(recent.path)
                action.triggered.connect(lambda _=False, recent=recent: take(recent))
        if menu.isEmpty():
            menu.addAction("Nothing was exported yet").setEnabled(False)

    menu.aboutToShow.connect(fill)
    return menu
