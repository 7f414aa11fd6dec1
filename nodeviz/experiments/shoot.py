"""What is wanted of an export: every option declared once, for command line, console, Python and dialog."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from nodeviz.experiments.kinds import Choice, Flag, Kind, Number, ParamError, Text, nearest, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SMALLEST, LARGEST = 64, 8192  # pixels of width and height
LONGEST = 36_000.0  # s: a million pictures at 30 a second
PASSAGE = 6.0  # s in which the play bar's cursor goes through its range at speed 1
MANY = 20_000  # pictures, beyond which somebody is asked first
# A slide has the shape of a projector, a column is 3.5 inches of paper at 300 dots each.
SIZES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "720p": (1280, 720),
        "1080p": (1920, 1080),
        "4k": (3840, 2160),
        "square": (1080, 1080),
        "slide": (1600, 1200),
        "column": (1050, 750),
    }
)
OVERS: Mapping[str, str] = MappingProxyType(
    {
        "": "What moves in the panel: points of the latent ODE, the time of the others",
        "time": "The cursor goes through the panel's own time: t0 to t1, or the depth of the trained model",
        "points": "The observations arrive one by one, each with the model's answer to those that are there",
        "training": "The models learn, seen at the end of time",
    }
)


class Size:
    """Width and height in pixels: a pair, ``1280x720``, or a name."""

    def coerce(self, name: str, value: object, current: Any) -> tuple[int, int]:
        """Accept a pair, its text, or a name."""
        del current
        text = value if isinstance(value, str) else "x".join(map(str, _entries(value)))
        if text.lower() in SIZES:
            return SIZES[text.lower()]
        width, cross, height = (part.strip() for part in text.lower().partition("x"))
        if not (cross and width.isdecimal() and height.isdecimal()):
            raise ParamError(f"--{name} {text}: not a size; use WIDTHxHEIGHT, or one of {', '.join(SIZES)}")
        return int(width), int(height)

    def to_text(self, value: tuple[int, int]) -> str:
        """Return ``1280x720``."""
        return f"{value[0]}x{value[1]}"

    def to_json(self, value: tuple[int, int]) -> list[int]:
        """Return a pair."""
        return list(value)

    def limits(self) -> str:
        """Return the form and the names."""
        return f"WIDTHxHEIGHT ({SMALLEST} to {LARGEST}), {', '.join(SIZES)}"


class Optional(NamedTuple):
    """A number, or none: with a word that stands for that."""

    number: Number
    word: str

    def coerce(self, name: str, value: object, current: Any) -> float | None:
        """Accept None, its word, or a number."""
        none = value is None or (isinstance(value, str) and value.strip().lower() == self.word)
        return None if none else self.number.coerce(name, value, current)

    def to_text(self, value: float | None) -> str:
        """Return the number, or the word."""
        return self.word if value is None else short(value)

    def to_json(self, value: float | None) -> float | None:
        """Return the number, or None."""
        return value

    def limits(self) -> str:
        """Return the limits and the word."""
        return f"{self.number.limits()}, or {self.word}"


def _entries(value: object) -> Iterable[object]:
    return value if isinstance(value, tuple | list) else (value,)


def option(default: Any, label: str, kind: Kind, help: str, *, unit: str = "") -> Any:
    """Declare an option, in the form that `nodeviz.experiments.params.declared` reads."""
    told = {"default": default, "kind": kind, "label": label, "unit": unit, "help": help}
    return field(default=default, metadata={"param": told})


_PIXELS = Size()
_ANY = 1e12  # limits that depend on the format are checked with it
_THEMES = Choice({"dark": "Dark", "light": "Light"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shoot:
    """What is wanted of an export.

    An animation has ``round(fps * seconds)`` pictures. Without a speed its cursor goes through the whole range in that
    time; with one it moves as fast as the play bar does at that speed, begins again at the end, and ``seconds=None``
    lasts as long as it takes.
    """

    size: tuple[int, int] = option((1280, 720), "Size", _PIXELS, "Width and height.", unit="pixels")
    fps: float = option(30.0, "Pictures a second", Number(-_ANY, _ANY), "Of an animation.", unit="1/s")
    seconds: float | None = option(
        8.0, "Seconds", Optional(Number(-_ANY, _ANY), "full"), "How long; full: the whole range once.", unit="s"
    )
    speed: float | None = option(
        None, "Speed", Optional(Number(0.01, 100.0, log=True), "fit"), "As of the play bar; fit: what the seconds ask."
    )
    there_and_back: bool = option(False, "There and back", Flag(), "Run to the end and back again.")
    loop: int = option(0, "Plays", Number(0, 65535, integer=True), "How often GIF, APNG, WebP play; 0: for ever.")
    at: float | None = option(
        None, "At", Optional(Number(-_ANY, _ANY), "end"), "The panel's own time that a still shows; its end without."
    )
    over: str = option(
        "",
        "Over",
        Choice(OVERS),
        "What moves: time (the cursor, from t0 to t1 or through the depth of the trained model), points (of the latent "
        "ODE, which arrive one by one) or training (the models learn); by default points of the latent ODE, else time.",
    )
    theme: str = option("dark", "Theme", Text(20), "dark or light.")
    plot: int = option(0, "Plot", Number(-_ANY, _ANY, integer=True), "One plot alone, from 1; 0: all of the panel.")
    title: bool = option(True, "Title", Flag(), "The line above.")
    caption: bool = option(True, "Caption", Flag(), "The words below.")
    transparent: bool = option(False, "No ground", Flag(), "See-through, where the format can.")
    quality: int = option(80, "Quality", Number(-_ANY, _ANY, integer=True), "1 to 100, of a video or WebP.")
    codec: str = option("", "Codec", Text(20), "h264 or av1 in .mp4, vp9 or av1 in .webm; empty: the first one.")

    @property
    def length(self) -> float:
        """How many seconds an animation lasts."""
        if self.seconds is not None:
            return self.seconds
        return PASSAGE * (2.0 if self.there_and_back else 1.0) / (self.speed or 1.0)

    @property
    def pictures(self) -> int:
        """How many pictures an animation has."""
        return round(self.fps * self.length)

    def fraction(self, number: int) -> float:
        """Return where the cursor stands in picture ``number``, counted from 0: a share of its range."""
        if self.speed is None or self.seconds is None:
            share = number / max(1, self.pictures - 1)
            return 1.0 - abs(2.0 * share - 1.0) if self.there_and_back else share
        gone = number / self.fps * self.speed / PASSAGE
        if self.there_and_back:
            return 1.0 - abs(1.0 - gone % 2.0)
        return gone if gone <= 1.0 else gone % 1.0


def make_shoot(options: Mapping[str, Any]) -> Shoot:
    """Return what options by name ask for, each as text or as a Python value.

    Raises
    ------
    ParamError : an option that does not exist, or a value that is none
    """
    known = {entry.name: entry.metadata["param"] for entry in fields(Shoot)}
    for name in options:
        if name not in known:
            raise ParamError(f"{name}: no option of an export; {nearest(name, known)}")
    return Shoot(**{name: known[name]["kind"].coerce(name, value, None) for name, value in options.items()})


def read_size(text: str) -> tuple[int, int]:
    """Return the size that a text like ``1280x720``, or a name like ``1080p``, asks for.

    Raises
    ------
    ParamError : it is neither
    """
    return _PIXELS.coerce("size", text, None)
