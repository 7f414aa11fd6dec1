"""How exports are reached: the dialog of a panel, the menu of earlier ones, and the button in the status line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodeviz.app.commands import Command
from nodeviz.app.export_dialog import ExportDialog
from nodeviz.app.export_job import Exports
from nodeviz.app.export_recent import Recent, read_recent
from nodeviz.app.export_rows import ExportButton
from nodeviz.app.export_start import recent_menu

if TYPE_CHECKING:
    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.panels.base import Panel


def ask_export(window: MainWindow, panel: Panel[Any, Any], recent: Recent | None = None) -> ExportDialog:
    """Show the dialog of a panel, the one that is open already if there is one."""
    shown = [each for each in window.findChildren(ExportDialog) if each.panel is panel and each.isVisible()]
    dialog = shown[0] if shown else ExportDialog(window, panel)
    if recent is not None:
        dialog.take(recent)
    dialog.show()
    dialog.activateWindow()
    return dialog


def export_commands(window: MainWindow) -> list[Command]:
    """Return the commands of all exports, and put into the window what shows them."""
    exports = Exports.of(window.session)
    exports.know(tuple(window.panels.values()))
    button = ExportButton(exports)
    window.statusBar().addPermanentWidget(button)

    def show() -> None:
        for job in exports.running[:1]:
            window.commands.run(f"export_{job.panel.experiment}")

    button.clicked.connect(show)

    def again() -> None:
        for recent in read_recent(window.settings.exports)[:1]:
            ask_export(window, window.panels[recent.panel], recent)

    def give_up() -> None:
        for job in exports.running:
            job.cancel()

    return [
        Command(
            id="recent_export",
            title="Recent exports",
            tip="Open the last export again, with its file and options",
            menu="File",
            callback=again,
        ),
        Command(id="cancel_exports", title="Cancel all exports", menu="File", callback=give_up),
    ]


def add_recent_menu(window: MainWindow) -> None:
    """Let the entry of the File menu open a menu of earlier exports."""

    def take(recent: Recent) -> None:
        window.commands.run(f"export_{recent.panel}")
        ask_export(window, window.panels[recent.panel], recent)

    menu = recent_menu(window, window, take)
    window.commands.action("recent_export").setMenu(menu)
