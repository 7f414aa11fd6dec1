"""What a window shows as a session's document, and back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSignalBlocker

from nodeviz.app.layout import layout_of, put_layout
from nodeviz.app.session_file import Document, PanelRecord

if TYPE_CHECKING:
    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.panels.base import Panel


def document_of(window: MainWindow) -> Document:
    """Return all that a session keeps; quick, since nothing is written or copied yet."""
    panels = {name: _record(window, panel) for name, panel in window.panels.items()}
    return Document(panels=panels, theme=window.settings.theme, layout=layout_of(window))


def _record(window: MainWindow, panel: Panel[Any, Any]) -> PanelRecord:
    bar, replay = panel.playbar, panel.account()
    if replay is not None and not replay.steps and not replay.changes:
        replay = None  # as it begins anyway
    return PanelRecord(
        state=window.session.state(panel.experiment),
        replay=replay,
        cursor=bar.fraction,
        t=panel.cursor_time(bar.fraction),
        speed=bar.speed,
        loop=bar.loop.isChecked(),
        folded=panel.folded,
        visible=not window.docks[panel.experiment].isHidden(),
        views=tuple(panel.views()),
    )


def put_document(window: MainWindow, document: Document, title: str, *, layout: bool = True) -> list[str]:
    """Show a session in a window, as one step of undo for all parameters; return what could not be shown.

    Runs that were trained are trained again from their seeds, with the same changes at the same steps. What concerns a
    panel is said there too.
    """
    shown = {name: record for name, record in document.panels.items() if name in window.panels}
    complaints = list(document.complaints)
    if layout and document.layout is not None:
        put_layout(window, document.layout)
    differs = any(record.state != window.session.state(name) for name, record in shown.items())
    if differs:
        window.session.undo_stack.beginMacro(title)
    for name, record in shown.items():
        window.session.put_back(name, record.state)
        complaints += [(name, sentence) for sentence in _put(window.panels[name], record)]
        if document.layout is None or not layout:
            window.docks[name].setVisible(record.visible)
    if differs:
        window.session.undo_stack.endMacro()
    for name, sentence in complaints:
        if name in window.panels:
            window.panels[name].show_message(f"{sentence}.")
    return [f"{name}: {sentence}." if name else f"{sentence}." for name, sentence in complaints]


def _put(panel: Panel[Any, Any], record: PanelRecord) -> list[str]:
    """Bring a panel to where it was: its run, its cursor, and where it looks; return what could not be done."""
    account = panel.account()
    if record.replay is not None:
        panel.start(replay=record.replay)
    elif account is not None and account.steps:
        panel.start()  # the same parameters, but trained meanwhile
    bar, said = panel.playbar, []
    bar.play(on=False)
    bar.set_speed(record.speed)
    bar.loop.setChecked(record.loop)
    panel.fold(on=record.folded)
    with QSignalBlocker(panel.session):  # whose lines would say it once more
        for verb, arguments in record.views:
            try:
                getattr(panel, panel.verbs[verb])(*arguments)
            except Exception as error:  # noqa: BLE001 - a file that was edited by hand may hold anything
                said.append(f"Not restored: {verb} ({error})")
    bar.put(record.cursor)
    return said


def with_theme(window: MainWindow, document: Document) -> None:
    """Take the theme of a session."""
    if document.theme != window.settings.theme:
        window.settings = dataclasses.replace(window.settings, theme=document.theme)
        window.apply_theme()
        window.tell(window.store.save(window.settings))
