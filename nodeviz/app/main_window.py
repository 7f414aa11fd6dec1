"""The main window: docks, menus, status line, and what is remembered between two starts."""

from __future__ import annotations

import dataclasses
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QFontMetrics, QShowEvent
from PySide6.QtWidgets import QApplication, QDockWidget, QLabel, QMainWindow, QMenu, QToolButton

from nodeviz.app.attach import Attach
from nodeviz.app.clock import Clock
from nodeviz.app.commands import CommandTable, ConsoleCommands, in_a_sentence
from nodeviz.app.console import Console
from nodeviz.app.errors import LOG, ErrorDialog
from nodeviz.app.export_job import ExportJob
from nodeviz.app.facade import PanelFacade
from nodeviz.app.guide import Guide, guide_button, guide_dock, place_guide
from nodeviz.app.motion import apply as apply_motion
from nodeviz.app.panels import panel_of
from nodeviz.app.row_menu import offer_menus
from nodeviz.app.session import Session
from nodeviz.app.settings import SettingsStore
from nodeviz.app.shortcuts import keep_shortcuts
from nodeviz.app.theme import THEMES, code_font, palette, style_sheet, system_theme
from nodeviz.app.user_presets import OwnPresets
from nodeviz.app.window_commands import add_commands, menu_path
from nodeviz.app.worker import Worker
from nodeviz.app.workspace import SessionFacade, Workspace
from nodeviz.experiments.registry import REGISTRY

if TYPE_CHECKING:
    from nodeviz.app.panels.base import Panel

CLOSING_SECONDS = 0.8


class MainWindow(QMainWindow):
    """Panels in docks around one session, one worker and one clock."""

    def __init__(self, store: SettingsStore | None = None) -> None:
        super().__init__()
        self.setWindowTitle("nodeviz")
        self.setObjectName("main")
        self.store = store or SettingsStore()
        self.settings, self._complaint = self.store.load()
        self.errors = ErrorDialog(self)
        self.errors.install()
        self.session = Session(self)
        self.worker = Worker()
        self.workspace = Workspace(self)
        self.clock = Clock(self)
        self.panels: dict[str, Panel[Any, Any]] = {}
        self.docks: dict[str, QDockWidget] = {}
        self.commands = CommandTable(self, self.echo)
        self.setDockNestingEnabled(True)
        self.setContentsMargins(8, 8, 8, 0)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, self.tabPosition(Qt.DockWidgetArea.TopDockWidgetArea))
        for name in REGISTRY:
            self._add_panel(panel_of(name)(self.session, self.worker))
        self._tile()
        self.facades = {name: PanelFacade(panel) for name, panel in self.panels.items()}
        QApplication.instance().setProperty("nodeviz_panels", self.facades)  # type: ignore[union-attr]
        self._add_console()
        self.guide = Guide(self)
        self.docks["guide"] = guide_dock(self, self.guide)
        self.attach = Attach(self)
        add_commands(self)
        self._make_menus()
        self._make_status_line()
        OwnPresets(self)
        keep_shortcuts(self)
        offer_menus(self)
        self.apply_theme()
        apply_motion(self)
        self.session.echoed.connect(self.echo)
        self.resize(1600, 1000)
        self.worker.start()
        self.clock.start()

    # Docks.

    def _add_panel(self, panel: Panel[Any, Any]) -> None:
        dock = QDockWidget(panel.record.title, self)
        dock.setObjectName(panel.experiment)
        dock.setWidget(panel)
        dock.setTitleBarWidget(panel.header)
        self.panels[panel.experiment] = panel
        self.docks[panel.experiment] = dock
        panel.maximise.connect(self.show_alone)
        panel.said.connect(lambda what, panel=panel: self.commands.run(f"{what}_{panel.experiment}"))
        self.clock.add(panel)

    def _tile(self) -> None:
        """Put the panels side by side in two rows, all of the same size; up to two have one row."""
        docks = [self.docks[name] for name in self.panels]
        columns = len(docks) if len(docks) <= 2 else (len(docks) + 1) // 2
        for number, dock in enumerate(docks[:columns]):
            self.addDockWidget(Qt.DockWidgetArea.TopDockWidgetArea, dock)
            if number:
                self.splitDockWidget(docks[number - 1], dock, Qt.Orientation.Horizontal)
        for above, dock in zip(docks, docks[columns:], strict=False):
            self.splitDockWidget(above, dock, Qt.Orientation.Vertical)
        self.resizeDocks(docks[:columns], [100] * columns, Qt.Orientation.Horizontal)
        self.resizeDocks(docks, [100] * len(docks), Qt.Orientation.Vertical)

    def _add_console(self) -> None:
        import numpy as np

        import nodeviz

        namespace = {
            **self.facades,
            "panels": SimpleNamespace(**self.facades),
            "commands": ConsoleCommands(self.commands),
            "session": SessionFacade(self.workspace),
        }
        self.console = Console(
            {**namespace, "np": np, "nodeviz": nodeviz},
            history=self.store.path.with_name("console_history.json"),
            history_lines=self.settings.console_history,
        )
        self.console.setObjectName("console")
        self.console.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.console.exit_requested.connect(lambda: self.docks["console"].hide())
        dock = QDockWidget("Console", self)
        dock.setObjectName("console")
        dock.setWidget(self.console)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        dock.hide()
        self.docks["console"] = dock

    def show_alone(self, name: str) -> None:
        """Show one panel without the others, or all of them again."""
        others = [dock for panel, dock in self.docks.items() if panel in self.panels and panel != name]
        alone = all(dock.isHidden() for dock in others)
        for dock in others:
            dock.setVisible(alone)

    def reset_layout(self) -> None:
        """Put every dock where it was at the first start."""
        self.resize(1600, 1000)
        for name, dock in self.docks.items():
            dock.setFloating(False)
            dock.setVisible(name in self.panels)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.docks["console"])
        place_guide(self, self.docks["guide"])
        self._tile()
        for panel in self.panels.values():
            panel.fold(on=None)

    def toggle_console(self) -> None:
        """Show the console with the prompt ready, or hide it."""
        dock = self.docks["console"]
        dock.setVisible(dock.isHidden())
        if dock.isVisible():
            if not dock.isFloating() and not self.height() // 6 < dock.height() < self.height() // 2:
                self.resizeDocks([dock], [self.height() // 4], Qt.Orientation.Vertical)
            self.console.setFocus()

    # Looks.

    @property
    def theme_name(self) -> str:
        """The theme in force."""
        return system_theme().name if self.settings.theme == "system" else self.settings.theme

    def apply_theme(self) -> None:
        """Put the theme of the settings on everything."""
        theme = THEMES[self.theme_name]
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.setPalette(palette(theme))
        docks = [dock for dock in self.docks.values() if dock.isVisible() and not dock.isFloating()]
        heights = [dock.height() for dock in docks]
        self.setStyleSheet(style_sheet(theme))
        for panel in self.panels.values():
            panel.set_theme(theme)
        self.console.set_theme(theme.tokens())
        self.guide.set_theme(theme)
        # A new style sheet lays everything out anew; the docks are to stay as the user made them.
        self.resizeDocks(docks, heights, Qt.Orientation.Vertical)

    def toggle_theme(self) -> None:
        """Change between dark and light, and remember it."""
        other: Literal["dark", "light"] = "light" if self.theme_name == "dark" else "dark"
        self.settings = dataclasses.replace(self.settings, theme=other)
        self.apply_theme()
        self.tell(self.store.save(self.settings))

    # Menus and status line.

    def _make_menus(self) -> None:
        for command in self.commands:
            menu_path(self, command.menu).addAction(self.commands.action(command.id))
        for panel in self.panels.values():
            menu = QMenu(panel)
            for command in self.commands:
                if command.id.endswith(f"_{panel.experiment}"):
                    menu.addAction(self.commands.action(command.id))
            panel.header.menu_button.setMenu(menu)
        self.workspace.arrange(menu_path(self, "File"))
        self.commands.refresh()

    def _make_status_line(self) -> None:
        bar = self.statusBar()
        bar.setSizeGripEnabled(False)
        self.engine_words, self.frame_words = QLabel(), QLabel()
        self.last_line = QLabel()
        self.last_line.setObjectName("line")
        self.last_line.setFont(code_font())
        button = QToolButton()
        button.setDefaultAction(self.commands.action("console"))
        button.setText("Console ▴")
        bar.addWidget(self.engine_words)
        bar.addWidget(self.frame_words)
        bar.addPermanentWidget(self.attach.words)
        bar.addPermanentWidget(self.last_line)
        bar.addPermanentWidget(guide_button(self))
        bar.addPermanentWidget(button)
        self._slow = QTimer(self)
        self._slow.timeout.connect(self.show_rates)
        self._slow.start(500)
        self._rate = 0.0
        self._seen = 0

    def show_rates(self) -> None:
        """Say in the status line what runs and how fast."""
        self.commands.refresh()
        self.guide.look()
        busy = [panel for panel in self.panels.values() if panel.running and panel.isVisible()]
        running = [f"{in_a_sentence(panel.record.title)} {panel.progress:.0%}" for panel in busy]
        seen = sum(panel.steps_seen for panel in self.panels.values())
        self._rate, self._seen = (seen - self._seen) / 0.5, seen
        dropped = sum(panel.dropped for panel in self.panels.values())
        rate = f" at {self._rate:.0f} steps/s" if running and self._rate else ""
        words = f"{', '.join(running)} running{rate}" if running else "engine idle"
        self.engine_words.setToolTip(words)
        # Beside the last line and the buttons there is not room for the names of all panels.
        if QFontMetrics(self.engine_words.font()).horizontalAdvance(words) > max(200, self.width() * 3 // 10):
            words = f"{len(running)} panels running{rate}" if len(running) > 1 else f"{running[0]}{rate}"
        self.engine_words.setText(words)
        self.frame_words.setText(f"{self.clock.frames_per_second():.0f} frames/s, {dropped} dropped")

    def echo(self, line: str) -> None:
        """Add a line of Python to the log, and show it in the status line."""
        self.console.echo(line)
        self.workspace.touch()
        self.errors.actions.note(line)
        metrics = QFontMetrics(self.last_line.font())
        self.last_line.setText(metrics.elidedText(line, Qt.TextElideMode.ElideRight, max(200, self.width() * 2 // 5)))

    def tell(self, sentence: str) -> None:
        """Show a sentence that concerns the whole window, if there is one."""
        if sentence:
            self.statusBar().showMessage(sentence, 15_000)

    def showEvent(self, event: QShowEvent) -> None:
        """Say again what was told before: not seen yet, a status line draws a message over the rest of it."""
        super().showEvent(event)
        words = self.statusBar().currentMessage()
        if words:
            self.statusBar().clearMessage()
            QTimer.singleShot(0, self, lambda: self.tell(words))

    # Start and end.

    def begin(self, panel: str, preset: str | None) -> None:
        """Show the session of the last time, then the panel and the preset that were asked for."""
        restored = self.workspace.restore()
        if preset is not None:
            self.session.load_preset(panel, preset)
        self.docks[panel].show()
        self.docks[panel].raise_()
        self.panels[panel].plots[0].setFocus()  # no focus proxy: Tab would skip the header for it
        self.session.undo_stack.clear()  # what the start itself did is nothing to undo
        for each in self.panels.values():
            if not each.started:
                each.start()
        self.workspace.begin()
        self.tell(" ".join(filter(None, (self._complaint, restored))))

    def remember(self) -> None:
        """Save what is to be there at the next start."""
        for complaint in (self.store.save(self.settings), self.workspace.keep()):
            if complaint:
                LOG.warning(complaint)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Save, end the runs and wait for them; a run that hangs is named, and the process then ends at once."""
        self.remember()
        self.workspace.finish()
        for job in self.findChildren(ExportJob):
            if job.running:
                LOG.warning("export of %s: the window was closed before it was done; nothing was written", job.path)
                job.cancel()
        self.clock.stop()
        self._slow.stop()
        self.attach.stop()
        self.console.shutdown()
        hung = self.worker.close(CLOSING_SECONDS)
        self.errors.remove()
        application = QApplication.instance()
        if application is not None and application.property("nodeviz_panels") == self.facades:
            application.setProperty("nodeviz_panels", None)
        event.accept()
        if self.console.running:
            hung = "the console"
        if hung:
            LOG.error("%s did not end within %.1f s", hung, CLOSING_SECONDS)
            sys.stderr.flush()
            # Qt aborts when a running thread is destroyed, which looks like a crash and loses the log.
            os._exit(1)
