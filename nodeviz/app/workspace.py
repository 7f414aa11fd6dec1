"""The sessions of a window: opened, saved, kept by themselves, written as scripts, and dropped on the window."""

from __future__ import annotations

import dataclasses
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox

from nodeviz.app.autosave import WHILE_TRAINING, Autosave, Slot
from nodeviz.app.commands import Command
from nodeviz.app.drops import panel_for
from nodeviz.app.layout import LayoutReset
from nodeviz.app.panels.running import one_path
from nodeviz.app.script import script_of
from nodeviz.app.session_file import SUFFIX, SessionError, load, save
from nodeviz.app.session_state import document_of, put_document, with_theme
from nodeviz.app.settings import MAX_SESSIONS
from nodeviz.experiments.params import ParamError
from nodeviz.whole_file import reason_of, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.app.main_window import MainWindow

SESSIONS = f"Sessions (*{SUFFIX});;All files (*)"
SCRIPTS = "Python (*.py);;All files (*)"


class Workspace(QObject):
    """Keeps the session of a window, and opens others in it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.path: Path | None = None  # of the session that was opened or saved last
        self.slot = Slot(window.store.path.parent / "sessions")
        self.autosave = Autosave(self.slot, lambda: document_of(window), lambda: window.session.dragging, self)
        self.autosave.failed.connect(window.tell)
        self._training = QTimer(self, interval=WHILE_TRAINING)
        self._training.timeout.connect(self._look_at_training)
        self._begun = False
        window.session.changed.connect(self.touch)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    # Kept by itself.

    def restore(self) -> str:
        """Show the session of the last time; return what there is to say about it."""
        document, sentence, layout = self.slot.take()
        said = [sentence]
        if document is not None:
            said += put_document(self._window, document, "restore session", layout=layout)
            if self.slot.crashed:
                said.insert(0, "nodeviz did not end by itself last time; all is as it was at the last change.")
        if self.slot.number > 1:
            said.insert(0, f"Another nodeviz is open: this window keeps its session as {self._name}.")
        return " ".join(filter(None, said))

    @property
    def _name(self) -> str:
        return "" if self.slot.path is None else self.slot.path.name

    def begin(self) -> None:
        """Keep the session from now on."""
        self._begun = True
        self._training.start()
        self.autosave.begin()
        self.touch()

    def touch(self, *_: object) -> None:
        """Note that something changed."""
        if self._begun:
            self.autosave.touch()

    def keep(self) -> str:
        """Keep what there is now; return why that could not be done, if so."""
        return self.autosave.save_now() if self._begun else ""

    def finish(self) -> None:
        """Keep nothing any more: the window closes."""
        self._begun = False
        self._training.stop()
        self.autosave.finish()

    def _look_at_training(self) -> None:
        if any(panel.record.trains and panel.running for panel in self._window.panels.values()):
            self.touch()

    # Files.

    def open(self, path: str | os.PathLike[str]) -> None:
        """Show a session.

        Raises
        ------
        SessionError : a file that is none; nothing was changed
        """
        self._show(Path(path).expanduser().absolute(), f"session.open({str(path)!r})")

    def restore_last(self) -> None:
        """Show the session as it was when this window was opened.

        Raises
        ------
        SessionError : there is none
        """
        before = self.slot.before
        if before is None or not before.exists():
            raise SessionError("There is no session of the last time; open one that was saved with File > Open session")
        self._show(before, "session.restore_last()", remembered=False)

    def _show(self, path: Path, line: str, *, remembered: bool = True) -> None:
        window, document = self._window, load(path, self._window.store.path.parent)
        said = put_document(window, document, f"open {path.stem}")
        with_theme(window, document)
        if remembered:
            self._remember(path)
        window.echo(line)
        window.tell(" ".join([f"Opened {path.name}.", *said]))
        self.touch()

    def save(self, path: str | os.PathLike[str] | None = None) -> None:
        """Write the session to a file; without a name to the one that was opened or saved last.

        Raises
        ------
        SessionError : it cannot be written; what was there is still there
        """
        path = self.path if path is None else path
        if path is None:
            raise SessionError(f'save: no name yet; give one as in session.save("mine{SUFFIX}")')
        target = session_target(path)
        left_out = save(target, document_of(self._window))
        self._remember(target)
        self._window.echo(f"session.save({str(target)!r})")
        self._window.tell(" ".join(filter(None, (f"Saved {target.name}.", left_out))))

    def save_script(self, path: str | os.PathLike[str]) -> None:
        """Write the session as a Python script that rebuilds it.

        Raises
        ------
        SessionError : it cannot be written
        """
        target = script_target(path)
        try:
            write_whole(target, script_of(document_of(self._window)).encode())
        except OSError as error:
            raise SessionError(f"{target}: cannot be written ({reason_of(error)}); choose another place") from None
        self._window.echo(f"session.save_script({str(target)!r})")
        self._window.tell(f"Saved {target.name}; run it with nodeviz --script {target.name}.")

    def run_script(self, path: str | os.PathLike[str]) -> None:
        """Run a Python script in the console, which can stop it.

        Raises
        ------
        SessionError : there is no such file
        """
        target = Path(path).expanduser().absolute()
        if not target.is_file():
            raise SessionError(f"{path}: there is no such script; choose a Python file")
        dock = self._window.docks["console"]
        if dock.isHidden():
            self._window.toggle_console()
        quoted = shlex.quote(str(target)) if os.name == "posix" else f'"{target}"'
        self._window.console.execute(f"%run {quoted}")

    def _remember(self, path: Path) -> None:
        window = self._window
        self.path = path
        window.setWindowTitle(f"{path.stem} – nodeviz")
        recent = tuple(dict.fromkeys([str(path), *window.settings.sessions]))[:MAX_SESSIONS]
        window.settings = dataclasses.replace(window.settings, sessions=recent)
        complaint = window.store.save(window.settings)
        if complaint:
            window.tell(complaint)

    # Asked for by the menu.

    def attempt(self, act: Callable[[], None]) -> None:
        """Do something for the menu: a refusal is shown instead of being raised."""
        try:
            act()
        except ParamError as error:
            self._window.tell(str(error))

    def ask_to_open(self) -> None:
        """Ask for a session and show it."""
        path, _ = QFileDialog.getOpenFileName(self._window, "Open session", self._folder(), SESSIONS)
        if path:
            self.attempt(lambda: self.open(path))

    def ask_to_save(self) -> None:
        """Ask for a name and write the session there."""
        name = str(self.path or Path(self._folder()) / f"session{SUFFIX}")
        path, _ = QFileDialog.getSaveFileName(self._window, "Save session", name, SESSIONS)
        if path:
            self._write_over(path, session_target(path), lambda: self.save(path))

    def save_or_ask(self) -> None:
        """Write the session to its file, or ask for one."""
        if self.path is None:
            self.ask_to_save()
        else:
            self.attempt(self.save)

    def ask_for_script(self) -> None:
        """Ask for a name and write the session as a script."""
        stem = "session" if self.path is None else self.path.stem
        name = str(Path(self._folder()) / f"{stem}.py")
        path, _ = QFileDialog.getSaveFileName(self._window, "Save session as script", name, SCRIPTS)
        if path:
            self._write_over(path, script_target(path), lambda: self.save_script(path))

    def _write_over(self, picked: str, target: Path, act: Callable[[], None]) -> None:
        """Write to the target of a name that was picked; ask first where the file dialog asked about another file."""
        if Path(picked).absolute() == target or not target.exists():
            self.attempt(act)
            return
        kinds = QMessageBox.StandardButton
        box = QMessageBox(QMessageBox.Icon.NoIcon, "Replace file", "", kinds.Cancel, self._window)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"{target.name} is there already. Replace it?")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        replace = box.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole)
        replace.clicked.connect(lambda: self.attempt(act))
        box.setDefaultButton(kinds.Cancel)
        box.open()  # does not stop the window

    def ask_to_run(self) -> None:
        """Ask for a script and run it."""
        path, _ = QFileDialog.getOpenFileName(self._window, "Run script", self._folder(), SCRIPTS)
        if path:
            self.attempt(lambda: self.run_script(path))

    def _folder(self) -> str:
        return "" if self.path is None else str(self.path.parent)

    def arrange(self, file_menu: QMenu) -> None:
        """Put sessions first in the menu of files, with those opened and saved last, then panels, exports and Quit."""
        action = self._window.commands.action
        first = file_menu.actions()[0]
        for command in session_commands(self._window):
            file_menu.removeAction(action(command.id))
            file_menu.insertAction(first, action(command.id))
        file_menu.insertSeparator(first)
        file_menu.insertSeparator(action(f"export_{next(iter(self._window.panels))}"))
        file_menu.removeAction(action("quit"))
        file_menu.addSeparator()
        file_menu.addAction(action("quit"))
        menu = QMenu("Recent sessions", file_menu)
        menu.setObjectName("Recent sessions")
        file_menu.insertMenu(action("save_session"), menu)
        menu.aboutToShow.connect(lambda: self._fill(menu))
        self._fill(menu)

    def _fill(self, menu: QMenu) -> None:
        menu.clear()
        for path in self._window.settings.sessions:
            action = menu.addAction(f"{Path(path).stem}   {Path(path).parent}")
            action.triggered.connect(lambda _=False, path=path: self.attempt(lambda: self.open(path)))
        if menu.isEmpty():
            menu.addAction("None yet").setEnabled(False)

    # Dropped on the window.

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take sessions, tables and pictures that are dropped anywhere but on a panel that takes them itself."""
        del watched
        if isinstance(event, QDropEvent):  # a QDragEnterEvent is one too
            path = one_path(event.mimeData())
            if path:
                event.acceptProposedAction()
                if not isinstance(event, QDragEnterEvent) and event.type() == QEvent.Type.Drop:
                    self.attempt(lambda: self.take_file(path))
                return True
        return False

    def take_file(self, path: str) -> None:
        """Open a file that was dropped: a session, or what one of the panels can show.

        Raises
        ------
        ParamError : it is none of these
        """
        if path.endswith(SUFFIX):
            self.open(path)
            return
        panel = self._window.panels[panel_for(path, list(self._window.panels))]
        open_file = getattr(panel, "open_file", None) or panel.open_points  # type: ignore[attr-defined]
        open_file(path)


def session_target(path: str | os.PathLike[str]) -> Path:
    """Return the file that a session of this name is written to."""
    target = Path(path).expanduser().absolute()
    return target if target.suffix == SUFFIX else target.with_name(f"{target.name}{SUFFIX}")


def script_target(path: str | os.PathLike[str]) -> Path:
    """Return the file that a script of this name is written to."""
    target = Path(path).expanduser().absolute()
    return target if target.suffix else target.with_suffix(".py")


class SessionFacade:
    """The window's session in the console: open and save it, as a file or as a script."""

    def __init__(self, workspace: Workspace) -> None:
        self.__workspace = workspace

    def open(self, path: str) -> None:
        """Show a session that was saved."""
        self.__workspace.open(path)

    def save(self, path: str | None = None) -> None:
        """Write the session to a file; without a name to the one that was opened or saved last."""
        self.__workspace.save(path)

    def save_script(self, path: str) -> None:
        """Write the session as a Python script that rebuilds it."""
        self.__workspace.save_script(path)

    def restore_last(self) -> None:
        """Show the session as it was when this window was opened."""
        self.__workspace.restore_last()

    def __repr__(self) -> str:
        return "session.open(path), .save(path), .save_script(path), .restore_last()"


def session_commands(window: MainWindow) -> list[Command]:
    """Return the commands that open and save sessions."""
    own = window.workspace
    return [
        Command(id="open_session", title="Open session…", menu="File", callback=own.ask_to_open, echoes=False),
        Command(
            id="save_session",
            title="Save session",
            menu="File",
            shortcut="Ctrl+S",
            callback=own.save_or_ask,
            echoes=False,
        ),
        Command(
            id="save_session_as",
            title="Save session as…",
            menu="File",
            shortcut="Ctrl+Shift+S",
            callback=own.ask_to_save,
            echoes=False,
        ),
        Command(
            id="restore_session",
            title="Restore last session",
            tip="Show all as it was when this window was opened",
            menu="File",
            callback=lambda: own.attempt(own.restore_last),
            echoes=False,
        ),
        Command(
            id="save_script",
            title="Save session as script…",
            tip="Write a Python file that rebuilds all that is shown",
            menu="File",
            callback=own.ask_for_script,
            echoes=False,
        ),
        Command(id="run_script", title="Run script…", menu="File", callback=own.ask_to_run, echoes=False),
    ]


def reset_layout(window: MainWindow) -> None:
    """Put every dock where it was at the first start, as a step of undo."""
    window.session.undo_stack.push(LayoutReset(window))
