"""The controls of the export dialog: one row for each option, with what is wrong about it right below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from nodeviz.app.controls import Entry, QuietCombo, QuietSlider
from nodeviz.experiments.params import declared
from nodeviz.experiments.shoot import SIZES, Shoot
from nodeviz.media.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nodeviz.app.export_draft import Draft
    from nodeviz.media.formats import Format

DECLARED = declared(Shoot)
SPEEDS = {None: "Fit the seconds", 0.25: "¼×", 0.5: "½×", 1.0: "1×", 2.0: "2×", 4.0: "4×"}
REPEATS = {0: "For ever", 1: "Once", 2: "Twice", 3: "3 times", 5: "5 times", 10: "10 times"}
SIZE_TITLES = {
    "720p": "720p", "1080p": "1080p", "4k": "4K", "square": "Square", "slide": "Slide", "column": "Column of a paper",
}  # fmt: skip
OWN = "own"
LABEL_WIDTH = 92


class Choices(QuietCombo):
    """A choice among named values, one of them shown."""

    def __init__(self, name: str, titles: Mapping[Any, str]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizeAdjustPolicy(QuietCombo.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.offer(titles)

    def offer(self, titles: Mapping[Any, str]) -> None:
        """Offer these values, and no others."""
        if {self.itemData(i): self.itemText(i) for i in range(self.count())} != titles:
            self.clear()
            for value, title in titles.items():
                self.addItem(title, value)

    def block(self, title: str, reason: str) -> None:
        """Show something that cannot be chosen, and why in its tooltip."""
        self.addItem(title, f"blocked {title}")
        self.setItemData(self.count() - 1, reason, Qt.ItemDataRole.ToolTipRole)
        self.setItemData(self.count() - 1, 0, Qt.ItemDataRole.UserRole - 1)  # no flags: neither enabled nor selectable

    def show_value(self, value: Any, title: str = "") -> None:
        """Show a value, which joins the others where it is not among them."""
        values = [self.itemData(i) for i in range(self.count())]
        if value not in values:
            self.addItem(title or str(value), value)
            values.append(value)
        self.setCurrentIndex(values.index(value))


class ExportForm(QWidget):
    """All rows. ``edited`` carries the name of an option and what was typed or chosen.

    Parameters
    ----------
    parts : what can be drawn: the number of a plot, 0 for all, -1 for all panels, and its title
    overs : what can move, and its title
    """

    edited = Signal(str, object)
    given_up = Signal(str)
    browsed = Signal()

    def __init__(self, parts: Mapping[int, str], overs: Mapping[str, str]) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 8, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        self._grid.setColumnStretch(1, 1)
        self.controls: dict[str, QWidget] = {}
        self._labels: dict[str, QLabel] = {}
        self._wrong: dict[str, QLabel] = {}
        self._file_rows()
        self._add("part", "Picture of", self._choice("part", "Picture of", parts), "The whole panel, or a part of it.")
        self._add("over", "Over", self._choice("over", "What moves", overs), DECLARED["over"].help)
        self._size_row()
        self._time_rows()
        self._look_rows()
        self._grid.setRowStretch(self._grid.rowCount(), 1)

    # Rows.

    def _file_rows(self) -> None:
        browse = QPushButton("Browse")
        browse.setAccessibleName("Browse for a file")
        browse.setAutoDefault(False)
        browse.clicked.connect(self.browsed)
        self.recent = QToolButton()
        self.recent.setText("Recent ▾")
        self.recent.setAccessibleName("Recent exports")
        self.recent.setToolTip("Take file and options of an earlier export")
        self.recent.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._add("out", "File", self._row(self._entry("out", "File"), browse), "Where it goes.")
        titles = {name: f"{kind.title} ({name})" if name[0] == "." else kind.title for name, kind in FORMATS.items()}
        row = self._row(self._choice("format", "Format", titles), self.recent)
        self._add("format", "Format", row, "How it is written; the ending of the file says the same.")

    def _size_row(self) -> None:
        titles = {size: SIZE_TITLES[name] for name, size in SIZES.items()}
        self.sizes = self._choice("size", "Usual sizes", {**titles, OWN: "Own size"})
        self.size_entry = self._entry("size", "Width and height in pixels")
        self.size_entry.setFixedWidth(100)
        self._add("size", "Size", self._row(self.sizes, self.size_entry), DECLARED["size"].help)

    def _time_rows(self) -> None:
        self.full = self._check("full", "Full range")
        self.full.setToolTip("The whole range once, at the speed of the play bar")
        seconds = self._entry("seconds", "Seconds")
        self._add("seconds", "Seconds", self._row(seconds, self.full), DECLARED["seconds"].help)
        self._add("fps", "Pictures a second", self._entry("fps", "Pictures a second"), DECLARED["fps"].help)
        self._add("speed", "Speed", self._choice("speed", "Speed", SPEEDS), DECLARED["speed"].help)
        back = self._check("there_and_back", "There and back")
        self._add("there_and_back", "", back, DECLARED["there_and_back"].help)
        self._add("loop", "Repeats", self._choice("loop", "Repeats", REPEATS), DECLARED["loop"].help)
        self._add("at", "At time", self._entry("at", "Time that a still shows"), DECLARED["at"].help)

    def _look_rows(self) -> None:
        themes = {"dark": "Dark", "light": "Light"}
        self._add("theme", "Theme", self._choice("theme", "Theme", themes), "Of the picture, whatever the window's is.")
        checks = [self._check(*each) for each in (("title", "Title"), ("caption", "Caption"))]
        self._add("title", "", self._row(*checks), "The line above the plots, and the words below.")
        self._add("transparent", "", self._check("transparent", "Transparent ground"), DECLARED["transparent"].help)
        self.slider = QuietSlider()
        self.slider.setRange(1, 100)
        self.slider.setAccessibleName("Quality")
        self.slider.valueChanged.connect(lambda value: self.edited.emit("quality", value))
        entry = self._entry("quality", "Quality as a number")
        entry.setFixedWidth(56)
        self._add("quality", "Quality", self._row(self.slider, entry), DECLARED["quality"].help)
        self._add("codec", "Codec", self._choice("codec", "Codec", {"": ""}), DECLARED["codec"].help)

    def _add(self, name: str, label: str, widget: QWidget, tip: str) -> None:
        row = self._grid.rowCount()
        words, wrong = QLabel(label), QLabel()
        words.setObjectName("quiet")
        wrong.setObjectName("wrong")
        wrong.setWordWrap(True)
        wrong.hide()
        words.setBuddy(self.controls.get(name, widget))
        for each in (words, widget):
            each.setToolTip(each.toolTip() or tip)
        self._grid.addWidget(words, row, 0)
        self._grid.addWidget(widget, row, 1)
        self._grid.addWidget(wrong, row + 1, 1)
        self._labels[name], self._wrong[name] = words, wrong
        self.controls.setdefault(name, widget)

    @staticmethod
    def _row(*widgets: QWidget) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for number, widget in enumerate(widgets):
            row.addWidget(widget, 0 if number or isinstance(widget, QCheckBox) else 1)
        if isinstance(widgets[0], QCheckBox):
            row.setSpacing(20)
            row.addStretch(1)
        return made

    def _entry(self, name: str, title: str) -> Entry:
        entry = Entry(title)
        entry.sent.connect(lambda text: self.edited.emit(name, text))
        entry.given_up.connect(lambda: self.given_up.emit(name))
        entry.editingFinished.connect(lambda: self._typed_again(name, entry))
        self.controls[name] = entry
        return entry

    def _typed_again(self, name: str, entry: Entry) -> None:
        """Send a text that was in force before another one was refused: to the entry it is nothing new."""
        if entry.property("refused"):
            self.edited.emit(name, entry.text())

    def _choice(self, name: str, title: str, titles: Mapping[Any, str]) -> Choices:
        choices = Choices(title, titles)
        choices.activated.connect(lambda: self.edited.emit(name, choices.currentData()))
        self.controls.setdefault(name, choices)
        return choices

    def _check(self, name: str, title: str) -> QCheckBox:
        check = QCheckBox(title)
        check.setAccessibleName(title)
        check.clicked.connect(lambda on: self.edited.emit(name, on))
        self.controls[name] = check
        return check

    # What is shown.

    def show_draft(self, draft: Draft, kind: Format) -> None:
        """Show all values, and which of them matter."""
        shoot = draft.shoot
        texts = {name: DECLARED[name].kind.to_text(getattr(shoot, name)) for name in ("size", "fps", "at", "quality")}
        texts |= {"out": draft.path, "seconds": f"{shoot.length:g}"}
        for name, text in texts.items():
            entry = self.size_entry if name == "size" else self.controls[name]
            assert isinstance(entry, Entry)
            entry.show_text(text)
        self.sizes.show_value(shoot.size if shoot.size in SIZES.values() else OWN)
        codecs = {"": "Usual"} | {name: name.upper() for name in kind.codecs}
        codecs[""] = f"Usual ({kind.codecs[0].upper()})" if kind.codecs else "Usual"
        shown = {
            "format": kind.name, "part": draft.part, "over": shoot.over, "speed": shoot.speed, "loop": shoot.loop,
            "theme": shoot.theme, "codec": shoot.codec if shoot.codec in codecs else "",
        }  # fmt: skip
        titles = {"speed": f"{shoot.speed:g}×" if shoot.speed else "", "loop": f"{shoot.loop} times"}
        for name, value in shown.items():
            choices = self.controls[name]
            assert isinstance(choices, Choices)
            if name == "codec":
                choices.offer(codecs)
            choices.show_value(value, titles.get(name, ""))
        checks = ("there_and_back", "title", "caption", "transparent")
        for name, on in [*((name, getattr(shoot, name)) for name in checks), ("full", shoot.seconds is None)]:
            check = self.controls[name]
            assert isinstance(check, QCheckBox)
            check.setChecked(on)
        self.slider.blockSignals(True)
        self.slider.setValue(shoot.quality)
        self.slider.blockSignals(False)
        self._enable(draft.idle(kind))

    def _enable(self, idle: frozenset[str]) -> None:
        """Grey what does not matter for the format; its tooltip stays."""
        controls = {**self.controls, "slider": self.slider, "sizes": self.sizes}
        for name, control in controls.items():
            option = {"slider": "quality", "sizes": "size"}.get(name, name)
            control.setEnabled(option not in idle)
        for name, label in self._labels.items():
            label.setEnabled(name not in idle)

    def complain(self, name: str, sentence: str) -> None:
        """Say what is wrong right below an option; an empty sentence says that nothing is."""
        label = self._wrong[name]
        if label.text() == sentence:
            return
        label.setText(sentence)
        label.setVisible(bool(sentence))
        control = self.size_entry if name == "size" else self.controls[name]
        if isinstance(control, Entry):
            control.mark(refused=bool(sentence))
        control.setAccessibleDescription(sentence)

    @property
    def options(self) -> list[str]:
        """The options that something can be said about."""
        return [*self._wrong]

    def first_control(self) -> QWidget:
        """Return where the keyboard begins."""
        return self.controls["out"]
