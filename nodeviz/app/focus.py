"""Which widgets Tab reaches, in the order of their layouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from PySide6.QtWidgets import QLayout, QWidget


def focusable(root: QWidget) -> list[QWidget]:
    """Return the widgets below a root that Tab may reach, in the order they stand."""
    found = [root] if root.focusPolicy() & Qt.FocusPolicy.TabFocus else []
    layout = root.layout()
    return found + (focusable_in(layout) if layout is not None else [])


def focusable_in(layout: QLayout) -> list[QWidget]:
    """Return the widgets of a layout that Tab may reach, in its order."""
    found: list[QWidget] = []
    for i in range(layout.count()):
        item = layout.itemAt(i)
        if item is None:
            continue
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            found += focusable(widget)
        elif inner is not None:
            found += focusable_in(inner)
    return found
