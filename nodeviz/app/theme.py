"""The look: colour tokens of the two themes, the colours that carry meaning, and the style sheet made of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette

from nodeviz.engine.methods import METHODS
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one theme; everything that is drawn takes them from here."""

    name: str
    ground: str
    panel: str
    raised: str
    hairline: str
    grid: str
    text: str
    quiet: str
    accent: str
    on_accent: str
    warning: str
    field: tuple[str, str]
    nullclines: tuple[str, str]
    manifolds: tuple[str, str]
    classes: tuple[str, str, str, str]
    models: tuple[str, str, str]  # resnet, node, anode
    answers: tuple[str, str, str]  # of the latent ODE, a Gaussian process and an RNN
    tint: float  # how much of a class shows in the ground that belongs to it

    def tokens(self) -> dict[str, str]:
        """Return the named colours that the console uses."""
        return {name: getattr(self, name) for name in ("ground", "panel", "hairline", "text", "quiet", "accent")}


DARK = Theme(
    name="dark",
    ground="#14171c",
    panel="#1b1f26",
    raised="#262b34",
    hairline="#32363c",
    grid="#ffffff",
    text="#e6e8eb",
    quiet="#9aa3ad",
    accent="#6ea8fe",
    on_accent="#14171c",
    warning="#f0b44b",
    field=("#333b46", "#6b7888"),
    nullclines=("#c58bd8", "#8fb573"),
    manifolds=("#6ea8fe", "#e8866a"),
    classes=("#f08a4b", "#58b0f0", "#e6d25a", "#c9a0dc"),
    models=("#b0b8c1", "#cc79a7", "#2fb58a"),
    answers=("#56b4e9", "#e5a84b", "#c89be8"),
    tint=0.19,
)
LIGHT = Theme(
    name="light",
    ground="#f3f2ee",
    panel="#fdfcfa",
    raised="#f0eeea",
    hairline="#e4e3e1",
    grid="#000000",
    text="#1c2026",
    quiet="#68707a",
    accent="#2563c9",
    on_accent="#fdfcfa",
    warning="#8a5a00",
    field=("#d9dde2", "#9ba4ae"),
    nullclines=("#8a3fa6", "#4f7a2c"),
    manifolds=("#2563c9", "#b8482a"),
    classes=("#d55e00", "#0072b2", "#9a7d0a", "#7b3f9e"),
    models=("#68707a", "#a8487f", "#00795a"),
    answers=("#1477b8", "#a66300", "#7d43b5"),
    tint=0.22,
)
THEMES: Mapping[str, Theme] = MappingProxyType({theme.name: theme for theme in (DARK, LIGHT)})

# Okabe-Ito for the three solvers that everybody meets first; the rest lie along one ramp and differ by marker too.
_KNOWN = {"euler": ("#e69f00", "o"), "rk4": ("#56b4e9", "s"), "dopri5": ("#009e73", "d")}
_RAMP = ("#d55e00", "#cc79a7", "#7b6fd6")
_MODELS = ("resnet", "node", "anode")
_ANSWERS = {
    "latent": Qt.PenStyle.SolidLine,
    "gp": Qt.PenStyle.DashLine,
    "rnn": Qt.PenStyle.DashDotLine,
}
_CLASS_SHAPES = ("circle", "square", "triangle", "diamond")
_MARKERS = ("t", "t1", "p", "star", "h", "t2", "t3", "x", "+", "arrow_up", "arrow_right", "arrow_down", "arrow_left")


def system_theme() -> Theme:
    """Return the theme that the desktop asks for; dark where it says nothing."""
    scheme = QGuiApplication.styleHints().colorScheme()
    return LIGHT if scheme == Qt.ColorScheme.Light else DARK


def solver_style(method: str) -> tuple[str, str]:
    """Return the colour and marker that a method keeps in every plot, legend and table."""
    if method in _KNOWN:
        return _KNOWN[method]
    others = [name for name in METHODS if name not in _KNOWN]
    place = others.index(method)
    return blend(_RAMP, place / (len(others) - 1)), _MARKERS[place % len(_MARKERS)]


def solver_styles(methods: Iterable[str]) -> list[tuple[str, str]]:
    """Return colour and marker of each solver of a list; a method that comes again is paler each time."""
    seen: list[str] = []
    styles = []
    for method in map(str, methods):
        colour, marker = solver_style(method)
        styles.append((blend((colour, "#8a8f96"), min(0.75, 0.35 * seen.count(method))), marker))
        seen.append(method)
    return styles


def class_style(label: int, theme: Theme) -> tuple[str, str]:
    """Return the colour and the shape that a class, 0 to 3, keeps in every plot."""
    return theme.classes[label], _CLASS_SHAPES[label]


def model_style(name: str, theme: Theme) -> tuple[str, bool]:
    """Return the colour that a model keeps in every plot and table, and whether its curves are dashed."""
    return theme.models[_MODELS.index(name)], name == "resnet"


def answer_style(name: str, theme: Theme) -> tuple[str, Qt.PenStyle]:
    """Return the colour and the dash of what answers a series: ``latent``, ``gp`` or ``rnn``."""
    return theme.answers[list(_ANSWERS).index(name)], _ANSWERS[name]


def entry_colour(name: str, theme: Theme) -> str:
    """Return the colour of a solver or a model, for legends."""
    if name in _ANSWERS:
        return answer_style(name, theme)[0]
    return model_style(name, theme)[0] if name in _MODELS else solver_style(name)[0]


def blend(stops: tuple[str, ...], share: float) -> str:
    """Return the colour at a share of the way along a ramp of colours."""
    position = share * (len(stops) - 1)
    low = min(int(position), len(stops) - 2)
    first, second = QColor(stops[low]), QColor(stops[low + 1])
    part = position - low
    mixed = [
        round(a + (b - a) * part)
        for a, b in zip(first.getRgb()[:3], second.getRgb()[:3], strict=True)  # type: ignore[index]
    ]
    return QColor(*mixed).name()


def ui_font(size: int = 13, *, semibold: bool = False) -> QFont:
    """Return the system's own font with tabular figures, so that numbers do not dance."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    if font.family() in {"", "Sans Serif", "Sans"} and "Inter" in QFontDatabase.families():
        font.setFamily("Inter")
    font.setPixelSize(size)
    if semibold:
        font.setWeight(QFont.Weight.DemiBold)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def code_font(size: int = 12) -> QFont:
    """Return the system's own fixed-width font."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPixelSize(size)
    return font


def palette(theme: Theme) -> QPalette:
    """Return the palette for the parts that the style sheet does not reach."""
    made = QPalette()
    roles = QPalette.ColorRole
    for role, colour in (
        (roles.Window, theme.ground),
        (roles.WindowText, theme.text),
        (roles.Base, theme.panel),
        (roles.AlternateBase, theme.raised),
        (roles.Text, theme.text),
        (roles.Button, theme.panel),
        (roles.ButtonText, theme.text),
        (roles.ToolTipBase, theme.raised),
        (roles.ToolTipText, theme.text),
        (roles.PlaceholderText, theme.quiet),
        (roles.Highlight, theme.accent),
        (roles.HighlightedText, theme.on_accent),
        (roles.Link, theme.accent),
    ):
        made.setColor(role, QColor(colour))
    for role in (roles.Text, roles.WindowText, roles.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.quiet))
    return made


def style_sheet(theme: Theme) -> str:
    """Return the style sheet: the template in resources with the theme's colours put in."""
    sheet = resource_path("style.qss").read_text("utf-8")
    panel = QColor(theme.panel)
    veil = f"rgba({panel.red()}, {panel.green()}, {panel.blue()}, 70%)"
    colours = {
        **theme.tokens(),
        "veil": veil,
        "raised": theme.raised,
        "on_accent": theme.on_accent,
        "warning": theme.warning,
        "idle": blend((theme.panel, theme.quiet), 0.5),
    }
    for icon in ("arrow", "check"):
        colours[icon] = resource_path("icons", f"{icon}-{theme.name}.svg").as_posix()
    for name in sorted(colours, key=len, reverse=True):
        sheet = sheet.replace(f"@{name}", colours[name])
    return sheet
