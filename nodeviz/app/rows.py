"""The rows of a form: one widget for each kind of parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from nodeviz.app.controls import Entry, QuietCombo, QuietSlider, swatch
from nodeviz.app.theme import DARK, Theme, code_font, entry_colour
from nodeviz.engine.methods import METHODS
from nodeviz.experiments.params import Choice, Names, Number, NumberMap, Param, short

TICKS = 1000
USUAL_SOLVERS = ("euler", "rk4", "dopri5")


class Row(QWidget):
    """The widget of one parameter. ``edited`` carries the value as typed or set, and whether a drag goes on.

    ``menu_asked`` carries the key of a mapping's entry, else an empty text, and the menu that is about to be shown.
    """

    edited = Signal(object, bool)
    menu_asked = Signal(str, object)

    def __init__(self, spec: Param) -> None:
        super().__init__()
        self.spec = spec
        self._in_force: Any = None
        self._refused = False
        self.setToolTip(f"{spec.describe()}\nConsole: {spec.name}")

    def update_value(self, value: Any) -> None:
        """Show the value in force. A text that was refused stays, to be mended, until its own parameter changes."""
        if self._refused and value == self._in_force:
            return
        self._in_force = value
        self._refused = False
        self.show_value(value)
        self.mark(refused=False)

    def refuse(self, value: object) -> None:
        """Mark the entry whose value was refused."""
        del value
        self._refused = True
        self.mark(refused=True)

    def forgive(self) -> None:
        """Take the value in force back, after Escape."""
        self._refused = False
        self.mark(refused=False)

    def show_value(self, value: Any) -> None:
        """Show a value without telling anybody."""
        raise NotImplementedError

    def mark(self, *, refused: bool) -> None:
        """Mark the entry as refused, or take the mark away."""

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme, where a row has colours of its own."""

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Show a menu of what others have to offer for this parameter."""
        self.offer_menu(event.globalPos())

    def offer_menu(self, place: QPoint) -> None:
        """Show the menu at a place of the screen."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._extend(menu)
        if menu.isEmpty():
            menu.deleteLater()
        else:
            menu.popup(place)

    def _extend(self, menu: QMenu) -> None:
        self.menu_asked.emit("", menu)

    def _label(self) -> QLabel:
        unit = f" [{self.spec.unit}]" if self.spec.unit else ""
        label = QLabel(f"{self.spec.label}{unit}")
        label.setObjectName("quiet")
        return label


class NumberRow(Row):
    """A number: its name, an exact entry, and a slider below."""

    def __init__(self, spec: Param, kind: Number) -> None:
        super().__init__(spec)
        self._kind = kind
        self.entry = Entry(spec.label, quiet=True)
        self.entry.setFixedWidth(78)
        self.entry.sent.connect(lambda text: self.edited.emit(text, False))
        self.entry.given_up.connect(self.forgive)
        self.entry.menu_asked.connect(self._extend)
        self.slider = QuietSlider()
        self.slider.setAccessibleName(f"{spec.label} slider")
        self.slider.setRange(0, TICKS)
        self.slider.valueChanged.connect(self._slid)
        self.slider.sliderReleased.connect(lambda: self.edited.emit(None, False))
        self._lo, self._hi = kind.lo, kind.hi
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self._label(), 1)
        head.addWidget(self.entry)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.slider)

    def show_value(self, value: Any) -> None:
        """Show the number; the slider's range widens around it where the limits are far away."""
        if not self.slider.isSliderDown():
            self._lo, self._hi = slider_range(self._kind, float(value), (self._lo, self._hi))
        self.entry.show_text(short(value))
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(TICKS * self._place(float(value))))

    def mark(self, *, refused: bool) -> None:
        """Mark the entry."""
        self.entry.mark(refused=refused)

    def _place(self, value: float) -> float:
        if self._kind.log:
            return math.log(max(value, self._lo) / self._lo) / math.log(self._hi / self._lo)
        return (value - self._lo) / (self._hi - self._lo)

    def _slid(self, tick: int) -> None:
        share = tick / TICKS
        if self._kind.log:
            value = self._lo * (self._hi / self._lo) ** share
            value = float(f"{value:.3g}")
        else:
            value = self._lo + share * (self._hi - self._lo)
            digits = max(0, 2 - math.floor(math.log10(self._hi - self._lo)))
            value = round(value, digits)
        if self._kind.integer:
            value = round(value)
        self.edited.emit(min(max(value, self._kind.lo), self._kind.hi), self.slider.isSliderDown())


def slider_range(kind: Number, value: float, current: tuple[float, float]) -> tuple[float, float]:
    """Return a range in which a slider is useful: the limits, or less of them where they are orders of magnitude apart.

    The range stays while the value lies inside, so that the handle does not run away from the pointer.
    """
    lo, hi = current
    far = kind.hi / max(kind.lo, 1e-300) > 1e5 if kind.log and kind.integer else kind.hi - kind.lo > 1e3
    if not far or (kind.log and not kind.integer):
        return kind.lo, kind.hi
    if (lo, hi) != (kind.lo, kind.hi) and lo <= value < hi and abs(value) > 0.04 * max(abs(lo), hi):
        return lo, hi
    if kind.log:
        return kind.lo, min(kind.hi, max(1000.0 * kind.lo, 4.0 * value))
    reach = max(4.0 * abs(value), 4.0)
    reach = float(f"{reach:.1g}")
    return max(kind.lo, -reach if value < 0 else min(0.0, value)), min(kind.hi, reach if value > 0 else max(reach, 0.0))


class ChoiceRow(Row):
    """A choice among names."""

    def __init__(self, spec: Param, kind: Choice) -> None:
        super().__init__(spec)
        self.combo = QuietCombo()
        self.combo.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)  # the row has one
        self.combo.setAccessibleName(spec.label)
        self.combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for name, title in kind.choices.items():
            self.combo.addItem(title, name)
        self.combo.activated.connect(lambda index: self.edited.emit(self.combo.itemData(index), False))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._label())
        column.addWidget(self.combo)

    def show_value(self, value: Any) -> None:
        """Show the choice; a callable from the console shows its name."""
        with QSignalBlocker(self.combo):
            while self.combo.findData("python") >= 0:
                self.combo.removeItem(self.combo.findData("python"))
            if callable(value):
                self.combo.addItem(self.spec.kind.to_text(value), "python")
            self.combo.setCurrentIndex(self.combo.findData("python" if callable(value) else value))

    def show_instead(self, text: str) -> None:
        """Show a text of what stands in for all of the choices, any of which can be chosen again."""
        with QSignalBlocker(self.combo):
            self.combo.setPlaceholderText(text)
            self.combo.setCurrentIndex(-1)


class FlagRow(Row):
    """A flag."""

    def __init__(self, spec: Param) -> None:
        super().__init__(spec)
        self.check = QCheckBox(spec.label)
        self.check.toggled.connect(lambda on: self.edited.emit(on, False))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.check)

    def show_value(self, value: Any) -> None:
        """Show the flag."""
        with QSignalBlocker(self.check):
            self.check.setChecked(value)


class LineRow(Row):
    """Anything that is written in one line."""

    def __init__(self, spec: Param) -> None:
        super().__init__(spec)
        self.entry = Entry(spec.label)
        self.entry.setPlaceholderText(spec.kind.limits())
        self.entry.sent.connect(lambda text: self.edited.emit(text, False))
        self.entry.given_up.connect(self.forgive)
        self.entry.menu_asked.connect(self._extend)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._label())
        column.addWidget(self.entry)

    def show_value(self, value: Any) -> None:
        """Show the text that reads back as the value."""
        self.entry.show_text(self.spec.kind.to_text(value))

    def mark(self, *, refused: bool) -> None:
        """Mark the entry."""
        self.entry.mark(refused=refused)


class TextRow(Row):
    """Text of several lines, sent when typing pauses, when the focus leaves, or by Ctrl+Enter."""

    PAUSE_MS = 700

    def __init__(self, spec: Param) -> None:
        super().__init__(spec)
        self.edit = QPlainTextEdit()
        self.edit.setAccessibleName(spec.label)
        self.edit.setTabChangesFocus(True)
        self.edit.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.edit.setFont(code_font())
        self.edit.setFixedHeight(72)
        self._shown = ""
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self._send)
        self.edit.textChanged.connect(lambda: self._pause.start(self.PAUSE_MS))
        self.edit.installEventFilter(self)
        self.edit.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.edit.customContextMenuRequested.connect(self._show_menu)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._label())
        column.addWidget(self.edit)

    def show_value(self, value: Any) -> None:
        """Show a text, with a line for each of its statements; the one being typed stays."""
        self._shown = "\n".join(part.strip() for part in value.replace("\n", ";").split(";"))
        if self.edit.hasFocus() and self._pause.isActive():
            return
        if tidy(self.edit.toPlainText()) != tidy(self._shown):
            with QSignalBlocker(self.edit):
                self.edit.setPlainText(self._shown)

    def mark(self, *, refused: bool) -> None:
        """Mark the text."""
        if bool(self.edit.property("refused")) == refused:
            return
        self.edit.setProperty("refused", refused)
        self.edit.style().unpolish(self.edit)
        self.edit.style().polish(self.edit)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Send on Ctrl+Enter and when the focus leaves."""
        if isinstance(event, QFocusEvent) and event.type() == QEvent.Type.FocusOut:
            self._send()
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
            if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._send()
                return True
        return super().eventFilter(watched, event)

    def _show_menu(self, place: QPoint) -> None:
        """Show the menu of a text, and what others add to it."""
        menu = self.edit.createStandardContextMenu(place)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._extend(menu)
        menu.popup(self.edit.viewport().mapToGlobal(place))

    def _send(self) -> None:
        self._pause.stop()
        text = self.edit.toPlainText()
        if tidy(text) != tidy(self._shown):
            self.edited.emit(text, False)


def tidy(text: str) -> str:
    """Return a text as far as it matters whether it was changed."""
    return "\n".join(line.strip() for line in text.replace(";", "\n").split("\n") if line.strip())


class MapRow(Row):
    """Named numbers: a slider for each key."""

    def __init__(self, spec: Param, kind: NumberMap) -> None:
        super().__init__(spec)
        self._kind = kind
        self._rows: dict[str, NumberRow] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)

    def show_value(self, value: Mapping[str, float]) -> None:
        """Show the numbers; the sliders change only where the keys do."""
        if list(value) != list(self._rows):
            for row in self._rows.values():
                self._column.removeWidget(row)
                row.hide()
                row.deleteLater()
            self._rows = {key: self._make(key, number) for key, number in value.items()}
        for key, number in value.items():
            self._rows[key].update_value(number)

    def _make(self, key: str, number: float) -> NumberRow:
        kind = Number(self._kind.lo, self._kind.hi)
        row = NumberRow(Param(key, number, kind, key, help=f"The {key} of the equations."), kind)
        row.setToolTip(f'Console: {self.spec.name}["{key}"]')
        row.edited.connect(lambda value, drag: self.edited.emit(None if value is None else {key: value}, drag))
        row.menu_asked.connect(lambda _, menu: self.menu_asked.emit(key, menu))
        self._column.addWidget(row)
        return row

    def refuse(self, value: object) -> None:
        """Mark the entries of the keys that were refused."""
        for key, number in value.items() if isinstance(value, Mapping) else ():
            self._rows[key].refuse(number)


class NamesRow(Row):
    """A list of entries: a check box with its colour for each of the usual ones, and a line for all.

    Where the usual ones are all there are, such as the models, they keep their order, and the line is left out.
    """

    def __init__(self, spec: Param, kind: Names) -> None:
        super().__init__(spec)
        self._kind = kind
        self._usual = tuple(name for name in USUAL_SOLVERS if name in kind.suggestions) or tuple(kind.suggestions)
        self._few = len(self._usual) == len(kind.suggestions)
        self._value: tuple[str, ...] = ()
        self._theme = DARK
        self.checks: dict[str, QCheckBox] = {}
        self.entry = Entry(spec.label)
        self.entry.setToolTip(f"{spec.describe()}")
        self.entry.sent.connect(lambda text: self.edited.emit(text, False))
        self.entry.given_up.connect(self.forgive)
        self.entry.menu_asked.connect(self._extend)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addWidget(self._label())
        self._boxes = QVBoxLayout()
        self._boxes.setSpacing(1)
        self._column.addLayout(self._boxes)
        self._column.addWidget(self.entry)
        self.entry.setHidden(self._few)

    def show_value(self, value: tuple[str, ...]) -> None:
        """Show the entries in their order, then the usual ones that are not chosen."""
        self._value = value
        self.entry.show_text(", ".join(value))
        chosen = {self._kind.plain(entry) for entry in value}
        wanted = [*value, *(name for name in self._usual if name not in chosen)]
        if self._few:
            wanted.sort(key=self._usual.index)
        if wanted != list(self.checks):
            for check in self.checks.values():
                self._boxes.removeWidget(check)
                check.hide()
                check.deleteLater()
            self.checks = {entry: self._make(entry) for entry in wanted}
        self._show_checks()

    def _show_checks(self) -> None:
        for entry, check in self.checks.items():
            with QSignalBlocker(check):
                check.setChecked(entry in self._value)

    def _make(self, entry: str) -> QCheckBox:
        name, (_, colon, number) = self._kind.plain(entry), entry.partition(":")
        check = QCheckBox(self._kind.suggestions[name] + (f" · {number}" if colon else ""))
        if name in METHODS:
            check.setToolTip(f"{METHODS[name].title}. {METHODS[name].source}")
        check.setIcon(swatch(entry_colour(name, self._theme)))
        check.setIconSize(QSize(10, 10))
        check.toggled.connect(lambda on: self._toggle(entry, on=on))
        self._boxes.addWidget(check)
        return check

    def set_theme(self, theme: Theme) -> None:
        """Colour the entries as the theme does."""
        self._theme = theme
        for entry, check in self.checks.items():
            check.setIcon(swatch(entry_colour(self._kind.plain(entry), theme)))

    def _toggle(self, entry: str, *, on: bool) -> None:
        value = [one for one in self._value if one != entry] + [entry] * on
        if self._few:
            value.sort(key=self._usual.index)
        self.edited.emit(tuple(value), False)
        self._show_checks()  # what was refused is not ticked

    def mark(self, *, refused: bool) -> None:
        """Mark the entry."""
        self.entry.mark(refused=refused)
