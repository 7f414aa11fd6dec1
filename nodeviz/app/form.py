"""A form made from the declarations of the parameters: most used first, the rest under More."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from nodeviz.app.rows import ChoiceRow, FlagRow, LineRow, MapRow, NamesRow, NumberRow, Row, TextRow
from nodeviz.experiments.params import Choice, Flag, Names, Number, NumberMap, Param, Text, declared

if TYPE_CHECKING:
    from PySide6.QtGui import QContextMenuEvent

    from nodeviz.app.theme import Theme


def make_row(spec: Param) -> Row:
    """Return the row that suits a parameter."""
    kind = spec.kind
    if isinstance(kind, Number):
        return NumberRow(spec, kind)
    if isinstance(kind, Flag):
        return FlagRow(spec)
    if isinstance(kind, Choice):
        return ChoiceRow(spec, kind)
    if isinstance(kind, NumberMap):
        return MapRow(spec, kind)
    if isinstance(kind, Names):
        return NamesRow(spec, kind)
    if isinstance(kind, Text) and kind.lines:
        return TextRow(spec)
    return LineRow(spec)


class Form(QWidget):
    """All rows of a parameter class. ``edited`` carries the name, the value, and whether a drag goes on.

    ``menu_asked`` carries the name, the key of an entry where the parameter is a mapping, and the menu to add to.
    """

    edited = Signal(str, object, bool)
    menu_asked = Signal(str, str, object)

    def __init__(self, params: Any, hidden: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.rows = {name: make_row(spec) for name, spec in declared(params).items() if name not in hidden}
        self._more = QWidget()
        self._button = QToolButton()
        self._button.setObjectName("link")
        self._button.setToolTip("Show or hide the parameters used less often")
        self._button.clicked.connect(lambda: self.show_more(on=self._more.isHidden()))
        column, more = QVBoxLayout(self), QVBoxLayout(self._more)
        for layout in (column, more):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(8)
        for name, row in self.rows.items():
            row.edited.connect(lambda value, drag, name=name: self.edited.emit(name, value, drag))
            row.menu_asked.connect(lambda key, menu, name=name: self.menu_asked.emit(name, key, menu))
            (more if row.spec.more else column).addWidget(row)
        column.addWidget(self._button)
        column.addWidget(self._more)
        column.addStretch(1)
        self.show_more(on=False)

    def show_more(self, *, on: bool) -> None:
        """Unfold or fold the rest."""
        self._more.setVisible(on)
        self._button.setText("Less ▴" if on else "More ▸")

    def show_params(self, params: Any) -> None:
        """Show all values."""
        for name, row in self.rows.items():
            row.update_value(getattr(params, name))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Show the menu of a row that has no effect at present, and so hears nothing itself."""
        for row in self.rows.values():
            if not row.isEnabled() and row.isVisible() and row.rect().contains(row.mapFrom(self, event.pos())):
                row.offer_menu(event.globalPos())

    def disable(self, idle: frozenset[str]) -> None:
        """Grey the rows that have no effect at present; their tooltips stay."""
        for name, row in self.rows.items():
            row.setEnabled(name not in idle)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        for row in self.rows.values():
            row.set_theme(theme)

    def refuse(self, name: str, value: object) -> None:
        """Mark the row whose entry was refused."""
        if name in self.rows:
            self.rows[name].refuse(value)
