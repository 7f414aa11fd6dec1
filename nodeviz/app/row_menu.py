"""What a right click, or the menu key, offers on a control: its line of Python, its value from before, its help."""

from __future__ import annotations

import contextlib
import html
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QMenu, QWidget

from nodeviz.app.session import python_line
from nodeviz.experiments.params import Choice, ParamError, change, declared, shown
from nodeviz.experiments.presets import find_preset

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.panels.base import Panel

CARD_WIDTH = 380
LONGEST_LINE = 44  # characters of a line of Python beside its entry
MISSING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What there is to say of a control: its line of Python and its help; ``resets`` have a title, a value, an act."""

    line: str
    help: str
    resets: tuple[tuple[str, str, Callable[[], object] | None], ...] = ()


def fill(menu: QMenu, offer: Offer, parent: QWidget) -> None:
    """Add what is offered to a menu, below what is there; the quiet text at the right shows what it is about."""
    if not menu.isEmpty():
        menu.addSeparator()
    brief = offer.line if len(offer.line) <= LONGEST_LINE else f"{offer.line[: LONGEST_LINE - 1]}…"
    copy = menu.addAction(f"Copy console line\t{_plain(brief)}")
    copy.triggered.connect(lambda: QGuiApplication.clipboard().setText(offer.line))
    for title, value, act in offer.resets:
        reset = menu.addAction(f"{title}\t{_plain(value)}")
        reset.setEnabled(act is not None)
        if act is not None:
            reset.triggered.connect(act)
    menu.addAction("Help").triggered.connect(lambda: show_card(parent, offer.help, menu.pos()))


def _plain(text: str) -> str:
    """Return a text without what a menu takes for a key."""
    return text.replace("&", "&&").replace("\t", " ").replace("\n", "; ")


# Parameters.


def of_parameter(panel: Panel[Any, Any], name: str, key: str = "") -> Offer:
    """Return what is offered for a parameter, or for one entry of a mapping."""
    value = getattr(panel.params, name)
    changes: dict[str, object] = {name: {key: value[key]} if key else value}
    preset = panel.session.state(panel.experiment).preset
    default = _pick(_defaults(panel, name), name, key)
    resets = [_reset(panel, name, key, "Reset to default", default)] if default is not MISSING else []
    if preset:
        with contextlib.suppress(ParamError):
            start = change(type(panel.params)(), find_preset(panel.experiment, preset, panel.session.folder).changes)
            brought = _pick(start, name, key)
            if brought is not MISSING and brought != default:
                resets.append(_reset(panel, name, key, "Reset to preset's value", brought))
    line = python_line(panel.experiment, panel.params, changes)
    return Offer(line=line, help=_parameter_help(panel, name, key, line), resets=tuple(resets))


def _defaults(panel: Panel[Any, Any], name: str) -> Any:
    """Return the parameters as declared, with what the choices in force bring for this one: a system has its starts."""
    defaults = type(panel.params)()
    if not hasattr(defaults, "implied"):
        return defaults
    for other, spec in declared(defaults).items():
        value = getattr(panel.params, other)
        if other == name or not isinstance(spec.kind, Choice) or not isinstance(value, str):
            continue
        with contextlib.suppress(ParamError):
            if name in defaults.implied({other: value}):
                defaults = change(defaults, {other: value})
    return defaults


def _pick(params: Any, name: str, key: str) -> Any:
    value = getattr(params, name)
    return value.get(key, MISSING) if key else value


def _reset(
    panel: Panel[Any, Any], name: str, key: str, title: str, value: Any
) -> tuple[str, str, Callable[[], object] | None]:
    current = _pick(panel.params, name, key)
    text = f"{value:g}" if key else declared(panel.params)[name].kind.to_text(value)
    changes: dict[str, object] = {name: {key: value} if key else value}
    act = partial(panel.session.try_change, panel.experiment, changes)
    return title, shown(text), None if value == current else act


def _parameter_help(panel: Panel[Any, Any], name: str, key: str, line: str) -> str:
    spec, value = declared(panel.params)[name], _pick(panel.params, name, key)
    unit = f" [{spec.unit}]" if spec.unit else ""
    title = f"{key}, of the {spec.label.lower()}" if key else f"{spec.label}{unit}"
    facts = {
        "Now": f"{value:g}" if key else shown(spec.kind.to_text(value)),
        "Limits": spec.kind.limits(),
        "Default": "" if key else shown(spec.kind.to_text(spec.default)),
        "Takes effect": "at once, while the run goes on" if spec.live else "with a new run from its seed",
    }
    note = getattr(spec.kind, "notes", {}).get(value, "") if isinstance(value, str) else ""
    return card_text(title, f"{spec.help} {note}".strip(), facts, line)


def card_text(title: str, words: str, facts: dict[str, str], line: str) -> str:
    """Return the rich text of a help card."""
    rows = "".join(
        f"<tr><td style='padding-right:12px'>{name}</td><td>{html.escape(fact)}</td></tr>"
        for name, fact in facts.items()
        if fact
    )
    code = f"<p><code>{html.escape(shown(line) if len(line) > 200 else line)}</code></p>"
    table = f"<table style='margin-top:8px'>{rows}</table>" if rows else ""
    return f"<p><b>{html.escape(title)}</b></p><p>{html.escape(words)}</p>{table}{code}"


def show_card(parent: QWidget, text: str, place: QPoint) -> QLabel:
    """Show a help card at a place of the screen, until a click or Escape."""
    card = QLabel(text, parent, Qt.WindowType.Popup)
    card.setObjectName("help_card")
    card.setAccessibleName("Help")
    card.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    card.setTextFormat(Qt.TextFormat.RichText)
    card.setWordWrap(True)
    card.setContentsMargins(14, 8, 14, 8)
    card.setFixedWidth(CARD_WIDTH)
    card.adjustSize()
    free = parent.screen().availableGeometry()
    x = min(place.x(), free.right() - card.width() - 8)
    y = min(place.y(), free.bottom() - card.height() - 8)
    card.move(max(free.left(), x), max(free.top(), y))
    card.show()
    return card


# Buttons.


def buttons(panel: Panel[Any, Any]) -> dict[QWidget, Callable[[], Offer]]:
    """Return the buttons of the play bar and the run bar with what each offers at the moment it is asked."""
    name, bar = panel.experiment, panel.playbar
    made: dict[QWidget, Callable[[], Offer]] = {
        bar.button: lambda: _button(bar.button, f"{name}.{'pause' if bar.playing else 'play'}()"),
        bar.restart: lambda: _button(bar.restart, _time_line(panel, 0.0)),
        bar.step: lambda: _button(bar.step, _time_line(panel, panel.next_stop(bar.fraction))),
        bar.scrub: lambda: _button(bar.scrub, _time_line(panel, bar.fraction), "Where the cursor is in time"),
        bar.pace: lambda: _button(bar.pace, f"{name}.speed = {bar.speed:g}", reset=_speed_reset(panel)),
        bar.loop: lambda: _button(bar.loop, f"{name}.loop = {bar.loop.isChecked()}"),
    }
    if "backwards" in panel.verbs:
        made[bar.back] = lambda: _button(bar.back, f"{name}.backwards({bar.back.isChecked()})")
    run = getattr(panel, "runbar", None)
    if run is not None:
        made |= {
            run.train: lambda: _button(run.train, f"{name}.{'stop' if run.training else 'train'}()"),
            run.step: lambda: _button(run.step, f"{name}.step(1)"),
            run.reset: lambda: _button(run.reset, f"{name}.reset()"),
            run.scratch: lambda: _button(run.scratch, f"{name}.weights = 'fresh'"),
            run.seed: lambda: _button(run.seed, f"{name}.seed = {run.seed_shown}", reset=_seed_reset(panel)),
        }
    return made


def _time_line(panel: Panel[Any, Any], fraction: float) -> str:
    return f"{panel.experiment}.{panel.time_name} = {panel.cursor_time(fraction):.6g}"


def _speed_reset(panel: Panel[Any, Any]) -> tuple[str, Callable[[], object] | None]:
    def act() -> None:
        panel.playbar.set_speed(1.0)
        panel.do("speed set")

    return "1", None if panel.playbar.speed == 1.0 else act


def _seed_reset(panel: Panel[Any, Any]) -> tuple[str, Callable[[], object] | None]:
    at_zero = panel.session.state(panel.experiment).seed == 0
    return "0", None if at_zero else partial(panel.session.set_seed, panel.experiment, 0)


def _button(
    widget: QWidget, line: str, words: str = "", *, reset: tuple[str, Callable[[], object] | None] | None = None
) -> Offer:
    title = widget.accessibleName()
    tip = words or widget.toolTip()
    resets = ((("Reset to default", *reset)),) if reset else ()
    return Offer(line=line, help=card_text(title, "" if tip == title else tip, {}, line), resets=resets)


def offer_menus(window: MainWindow) -> None:
    """Give every control of every panel its menu."""
    for panel in window.panels.values():
        panel.form.menu_asked.connect(partial(_on_row, panel))
        for widget, ask in buttons(panel).items():
            _give_menu(widget, ask)
        for name, instrument in panel.instruments.items():
            _give_menu(instrument.menu, partial(of_parameter, panel, name))


def _on_row(panel: Panel[Any, Any], name: str, key: str, menu: QMenu) -> None:
    fill(menu, of_parameter(panel, name, key), panel)


def _give_menu(widget: QWidget, ask: Callable[[], Offer]) -> None:
    def show(place: QPoint) -> None:
        menu = QMenu(widget)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        fill(menu, ask(), widget)
        menu.popup(widget.mapToGlobal(place))

    widget.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    widget.customContextMenuRequested.connect(show)
