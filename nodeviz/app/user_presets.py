"""The user's own presets in the window: saved with a thumbnail, in the menus and the palette, renamed and deleted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QBuffer, QIODevice, QObject, Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QLabel, QLineEdit, QMenu, QVBoxLayout

from nodeviz.app.commands import Command
from nodeviz.app.thumbnails import grab_thumbnail
from nodeviz.experiments import own_presets as files
from nodeviz.experiments.params import ParamError, declared, to_json

if TYPE_CHECKING:
    from PySide6.QtGui import QAction, QImage

    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.panels.base import Panel
    from nodeviz.experiments.presets import Preset


class OwnPresets(QObject):
    """The user's presets of all panels, as commands in the menus. ``changed`` says that there are others now."""

    changed = Signal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window.session)
        self._window = window
        self._names: list[str] = []
        self._rules: list[tuple[QMenu, QAction]] = []
        window.session.folder = window.store.path.parent
        for panel in window.panels.values():
            menu = self._menu(panel)
            for first in menu.actions()[1:2]:  # a panel need not have presets that ship
                menu.insertSeparator(first)  # below what saves one
        self.refresh()

    def refresh(self) -> None:
        """Put into the menus what there is now."""
        table = self._window.commands
        for name in self._names:
            table.remove(name)
        for menu, rule in self._rules:
            menu.removeAction(rule)
            rule.deleteLater()
        self._names, self._rules = [], []
        for name, panel in self._window.panels.items():
            own = files.own_presets(name, self._window.session.folder)
            menu = self._menu(panel)
            if own:
                self._rules.append((menu, menu.addSeparator()))
            for preset in own.values():
                command = self._command(panel, preset)
                table.add(command)
                menu.addAction(table.action(command.id))
                self._names.append(command.id)
        table.take_shortcuts(self._window.settings.shortcuts)  # of those that came back
        self.changed.emit()

    def _menu(self, panel: Panel[Any, Any]) -> QMenu:
        """Return the menu of a panel's presets, which the commands that ship have made."""
        whole = self._window.menuBar().findChild(QMenu, "Presets")
        assert isinstance(whole, QMenu)
        menu = whole.findChild(QMenu, panel.record.title)
        assert isinstance(menu, QMenu)
        return menu

    def _command(self, panel: Panel[Any, Any], preset: Preset) -> Command:
        name = files.file_name(preset.name).replace("-", "_")
        return Command(
            id=f"own_preset_{panel.experiment}_{name}",
            title=preset.title,
            tip=preset.sentence,
            menu=f"Presets/{panel.record.title}",
            callback=partial(self._load, panel, preset.name),
            echoes=False,
        )

    def _load(self, panel: Panel[Any, Any], name: str) -> None:
        try:
            panel.session.load_preset(panel.experiment, name)
        except ParamError as error:  # its file went away meanwhile
            panel.show_message(str(error))
            self.refresh()


def save_preset(panel: Panel[Any, Any], name: str, sentence: str = "", *, replace: bool = False) -> None:
    """Keep a panel's parameters and seed as a preset of the user, with a thumbnail of what it shows.

    Raises
    ------
    ParamError : a name that cannot be used or is there already, a function among the parameters, a folder that cannot
        be written
    """
    state = panel.session.state(panel.experiment)
    for parameter in declared(state.params):
        if callable(getattr(state.params, parameter)):
            raise ParamError(f"{parameter}: a function of Python cannot be kept in a preset; write equations instead")
    made = files.save_own(
        panel.experiment,
        name,
        sentence,
        to_json(state.params),
        seed=state.seed,
        picture=png_of(grab_thumbnail(panel)),
        folder=panel.session.folder,
        replace=replace,
    )
    rest = f", {made.sentence!r}" if made.sentence else ""
    _say(panel, f"save_preset({made.name!r}{rest}{', replace=True' if replace else ''})")


def rename_preset(panel: Panel[Any, Any], name: str, new: str) -> None:
    """Give a preset of the user another name.

    Raises
    ------
    ParamError : none of that name, or the new one cannot be used
    """
    made = files.rename_own(panel.experiment, name, new, panel.session.folder)
    _say(panel, f"rename_preset({name!r}, {made.name!r})")


def delete_preset(panel: Panel[Any, Any], name: str) -> None:
    """Delete a preset of the user.

    Raises
    ------
    ParamError : none of that name, or its file cannot be deleted
    """
    files.delete_own(panel.experiment, name, panel.session.folder)
    _say(panel, f"delete_preset({name!r})")


def _say(panel: Panel[Any, Any], line: str) -> None:
    panel.session.echoed.emit(f"{panel.experiment}.{line}")
    own = panel.session.findChild(OwnPresets)
    if own is not None:
        own.refresh()


def png_of(picture: QImage) -> bytes:
    """Return a picture as the bytes of a PNG."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())


class SaveDialog(QDialog):
    """Asks for the name and the sentence of a preset; says at once why a name cannot be."""

    def __init__(self, window: MainWindow, panel: Panel[Any, Any]) -> None:
        super().__init__(window)
        self.setWindowTitle(f"Save as preset: {panel.record.title}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._panel = panel
        self.name, self.sentence = QLineEdit(), QLineEdit()
        self.name.setAccessibleName("Name")
        self.name.setMaxLength(files.LONGEST_NAME)
        self.name.textChanged.connect(self._check)
        self.sentence.setAccessibleName("Sentence")
        self.sentence.setMaxLength(files.LONGEST_SENTENCE)
        self.sentence.setPlaceholderText("What to look at; may be left empty")
        self.picture = QLabel()
        self.picture.setAccessibleName("Its picture")
        self.picture.setPixmap(QPixmap.fromImage(grab_thumbnail(panel)))
        self.message = QLabel()
        self.message.setObjectName("quiet")
        self.message.setWordWrap(True)
        self.message.setMinimumHeight(3 * self.message.fontMetrics().lineSpacing())  # it comes and goes
        self.message.setAlignment(Qt.AlignmentFlag.AlignTop)
        kinds = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kinds.Save | kinds.Cancel)
        self.buttons.accepted.connect(self._save)
        self.buttons.rejected.connect(self.close)
        self._there = frozenset(
            files.file_name(name) for name in files.own_presets(panel.experiment, panel.session.folder)
        )
        self._lay_out()
        self._check()
        self.setMinimumWidth(580)

    def _lay_out(self) -> None:
        fields = QVBoxLayout()
        fields.setSpacing(4)
        for text, field in (("Name", self.name), ("Sentence", self.sentence)):
            label = QLabel(text)
            label.setObjectName("quiet")
            label.setBuddy(field)
            fields.addWidget(label)
            fields.addWidget(field)
            fields.addSpacing(8)
        fields.addWidget(self.message)
        fields.addStretch(1)
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(fields, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(16)
        column.addLayout(head)
        column.addWidget(self.buttons)

    @property
    def _replaces(self) -> bool:
        return files.file_name(self.name.text()) in self._there

    def _check(self) -> None:
        """Say whether the name can be used."""
        save = self.buttons.button(QDialogButtonBox.StandardButton.Save)
        save.setText("Replace" if self._replaces else "Save")
        sentence = "Its parameters and its seed are kept."
        able = bool(self.name.text().strip())
        if able:
            try:
                files.read_name(self._panel.experiment, self.name.text())
            except ParamError as error:
                able, sentence = False, str(error)
        if able and self._replaces:
            sentence = "You have a preset of that name; it will be replaced."
        save.setEnabled(able)
        self.message.setText(sentence)

    def _save(self) -> None:
        try:
            save_preset(self._panel, self.name.text(), self.sentence.text(), replace=self._replaces)
        except ParamError as error:
            self.message.setText(str(error))
        else:
            self.close()
