"""The window's commands, one record each, and the menus they stand in."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QMenu, QTextBrowser, QVBoxLayout

from nodeviz.app.attach import attach_commands
from nodeviz.app.commands import Command, in_a_sentence
from nodeviz.app.export_commands import add_recent_menu, ask_export, export_commands
from nodeviz.app.gallery import gallery_commands
from nodeviz.app.guide_commands import guide_commands
from nodeviz.app.motion import motion_commands
from nodeviz.app.palette import palette_commands
from nodeviz.app.shortcuts import shortcut_commands
from nodeviz.app.trouble import trouble_commands
from nodeviz.app.workspace import reset_layout, session_commands
from nodeviz.experiments.presets import presets

if TYPE_CHECKING:
    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.panels.base import Panel

MENUS = ("&File", "&Edit", "&Panels", "P&resets", "&View", "&Help")  # the letters that open them with Alt


def add_commands(window: MainWindow) -> None:
    """Fill the window's command table, in the order of its menus."""
    table, stack = window.commands, window.session.undo_stack
    quit_ = partial(window.console.when_idle, window.close)
    panels = list(window.panels.values())
    records = [
        Command(id="undo", title="Undo", menu="Edit", shortcut="Ctrl+Z", callback=stack.undo),
        Command(id="redo", title="Redo", menu="Edit", shortcut="Ctrl+Shift+Z", callback=stack.redo),
        *(record for panel in panels for record in panel.own_commands()),
        *session_commands(window),
        Command(id="quit", title="Quit", menu="File", shortcut="Ctrl+Q", callback=quit_),
        *gallery_commands(window),
        *(record for panel in panels for record in panel_commands(window, panel)),
        *guide_commands(window),
        *view_commands(window),
        *attach_commands(window),
        *export_commands(window),
        *palette_commands(window),
        *shortcut_commands(window),
    ]
    # What shows a panel comes before the menus of the panels.
    for record in sorted(records, key=lambda record: not record.id.startswith("show_")):
        table.add(record)
    add_recent_menu(window)
    for name, title in (("undo", "Undo"), ("redo", "Redo")):
        action = table.action(name)
        able, text = (
            (stack.canUndoChanged, stack.undoTextChanged)
            if name == "undo"
            else (stack.canRedoChanged, stack.redoTextChanged)
        )
        action.setEnabled(False)
        able.connect(action.setEnabled)
        text.connect(lambda what, action=action, title=title: action.setText(f"{title} {what}".strip()))


def panel_commands(window: MainWindow, panel: Panel[Any, Any]) -> list[Command]:
    """Return the commands of one panel."""
    name, title = panel.experiment, panel.record.title
    dock = window.docks[name]
    made = [
        Command(
            id=f"show_{name}",
            title=f"Show {in_a_sentence(title)}",
            menu="Panels",
            shortcut=f"Ctrl+{list(window.panels).index(name) + 1}",
            callback=lambda: dock.setVisible(dock.isHidden()),
            checked=lambda: not dock.isHidden(),
        ),
        Command(
            id=f"play_{name}",
            title="Play or pause",
            menu=f"Panels/{title}",
            shortcut="Space",
            inside=tuple(panel.plots),
            callback=lambda: panel.do("pause" if panel.playbar.playing else "play"),
            echoes=False,
        ),
        Command(
            id=f"restart_{name}",
            title="Cursor to the start",
            menu=f"Panels/{title}",
            shortcut="Home",
            inside=tuple(panel.plots),
            callback=lambda: panel.do("restart"),
            echoes=False,
        ),
        Command(
            id=f"fold_{name}",
            title="Fold the controls",
            menu=f"Panels/{title}",
            shortcut="F9",
            inside=tuple(panel.plots),
            callback=lambda: panel.fold(on=not panel.column.isHidden()),
            checked=panel.column.isHidden,
        ),
        Command(
            id=f"copy_data_{name}",
            title="Copy the main plot's data",
            menu=f"Panels/{title}",
            shortcut="Ctrl+Shift+C",
            inside=tuple(panel.plots),
            callback=panel.plots[0].copy_data,
        ),
        Command(
            id=f"export_{name}",
            title=f"Export {in_a_sentence(title)}…",
            tip="Write a picture or an animation of what the panel shows",
            menu="File",
            shortcut="Ctrl+E",
            inside=tuple(panel.plots),
            callback=lambda: ask_export(window, panel),
        ),
    ]
    for preset in presets(name).values():
        made.append(
            Command(
                id=f"preset_{name}_{preset.name.replace('-', '_')}",
                title=preset.title,
                tip=preset.sentence,
                menu=f"Presets/{title}",
                callback=partial(window.session.load_preset, name, preset.name),
                echoes=False,
            )
        )
    return made


def view_commands(window: MainWindow) -> list[Command]:
    """Return the commands of the View and Help menus."""
    return [
        Command(
            id="light_theme",
            title="Light theme",
            menu="View",
            shortcut="Ctrl+T",
            callback=window.toggle_theme,
            checked=lambda: window.theme_name == "light",
        ),
        Command(
            id="console",
            title="Console",
            menu="View",
            shortcut="Ctrl+`",
            callback=window.toggle_console,
            checked=lambda: not window.docks["console"].isHidden(),
        ),
        Command(
            id="interrupt",
            title="Interrupt the console",
            menu="View",
            callback=window.console.interrupt,
            echoes=False,
        ),
        *motion_commands(window),
        Command(id="reset_layout", title="Reset layout", menu="View", callback=lambda: reset_layout(window)),
        Command(
            id="shortcuts",
            title="What the mouse and the keys do",
            menu="Help",
            shortcut="F1",
            callback=lambda: help_(window),
        ),
        *trouble_commands(window),
    ]


def menu_path(window: MainWindow, path: str) -> QMenu:
    """Return the menu of a path such as ``Presets/Phase portrait``, made where it does not exist yet."""
    bar = window.menuBar()
    if not bar.actions():
        for title in MENUS:
            bar.addMenu(title).setObjectName(title.replace("&", ""))
    first, _, rest = path.partition("/")
    menu = bar.findChild(QMenu, first, Qt.FindChildOption.FindDirectChildrenOnly)
    if menu is None:
        menu = bar.addMenu(first)
        menu.setObjectName(first)
    if not rest:
        return menu
    child = menu.findChild(QMenu, rest, Qt.FindChildOption.FindDirectChildrenOnly)
    if child is None:
        child = menu.addMenu(rest)
        child.setToolTipsVisible(True)
        child.setObjectName(rest)
    return child


def help_(window: MainWindow) -> None:
    """Show what the mouse and the keys do."""
    panels, known = window.panels.values(), window.commands
    rows = [
        *((f"{panel.record.title}: {gesture}", what) for panel in panels for gesture, what in panel.gestures.items()),
        ("right-click a control, or the menu key on it", "copy its line of Python, reset it, read its help"),
        ("right-click a plot", "copy its data, save it as CSV, reset its range; what it shows, as the key ? says too"),
        ("drop a file on the window", "a session is opened; a table or a picture goes to the panel it is for"),
        ("numbers", "type them or move their slider; Escape takes a refused entry back"),
        ("equations", "x' = ...; y' = ...; time is t; sin, exp, sqrt, where, ...; ^ is a power; # a comment"),
        ("solvers", "euler, rk4:60 (steps), dopri5:1e-6 (tolerance); nodeviz list names all sixteen"),
        ("console", "Tab completes, name? explains, Ctrl+C or Stop ends what runs"),
        ("title of a small plot", "choose what it shows"),
        *((keys, in_a_sentence(each.title)) for each in known if (keys := known.shortcut(each.id))),
    ]
    unique = list(dict.fromkeys(rows))  # keys that mean the same in every panel
    cells = [f"<td><b>{key}</b>&nbsp;&nbsp;</td><td>{what}</td>" for key, what in unique]
    half = -(-len(cells) // 2)
    pairs = itertools.zip_longest(cells[:half], cells[half:], fillvalue="<td></td><td></td>")
    table = "".join(f"<tr>{left}<td width=24></td>{right}</tr>" for left, right in pairs)
    show_page(window, "What the mouse and the keys do", f"<table>{table}</table>")


def show_page(window: MainWindow, title: str, text: str) -> None:
    """Show a long text that scrolls, without stopping the window."""
    page = QDialog(window)
    page.setWindowTitle(title)
    page.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    words = QTextBrowser()
    words.setHtml(text)
    words.setAccessibleName(title)
    words.setFrameStyle(0)
    close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    close.rejected.connect(page.close)
    column = QVBoxLayout(page)
    column.addWidget(words, 1)
    column.addWidget(close)
    page.resize(window.size() * 0.8)
    page.show()
