"""What the export dialog holds: a file and options, each of them good by itself; and what they mean together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodeviz.app.export import check
from nodeviz.experiments.params import declared
from nodeviz.experiments.shoot import MANY, Shoot
from nodeviz.media.formats import FORMATS, format_of

if TYPE_CHECKING:
    from nodeviz.media.formats import Format

ALL_PANELS = -1  # in the place of the number of a plot
MOVING = frozenset({"fps", "seconds", "full", "speed", "there_and_back", "over"})
ABOUT = re.compile(r"^(?:--)?([a-z_]+)[ =:]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A file and its options.

    Attributes
    ----------
    path : as typed; it ends in a slash for a folder
    shoot : options, those included that another format would need
    grid : whether all panels are wanted
    """

    path: str
    shoot: Shoot = field(default_factory=Shoot)
    grid: bool = False

    @property
    def part(self) -> int:
        """What is drawn: the number of a plot, 0 for all of the panel, -1 for all panels."""
        return ALL_PANELS if self.grid else self.shoot.plot

    @property
    def target(self) -> str:
        """The whole path."""
        path = str(Path(self.path).expanduser().absolute())
        return f"{path}/" if self.path.endswith("/") else path

    def format(self) -> Format:
        """Return the format that the path asks for.

        Raises
        ------
        MediaError : an ending that nothing is written for
        """
        return format_of(self.target)

    def check(self, panels: int) -> Format:
        """Return the format of what can be written, before anything is computed.

        Raises
        ------
        MediaError, ParamError : what cannot be, in one sentence
        """
        kind = self.format()
        return check(self.target, self.effective(kind), panels=panels if self.grid else 1)

    def idle(self, kind: Format) -> frozenset[str]:
        """Return the options that have no effect."""
        idle: set[str] = set() if kind.moving else set(MOVING)
        idle |= {"at"} if kind.moving or self.grid else set()
        idle |= {"over"} if self.grid else set()
        idle |= {"seconds"} if self.shoot.seconds is None else set()
        idle |= {"speed", "there_and_back"} if self.shoot.over == "training" and not self.grid else set()
        idle |= {"loop"} if kind.kind != "animation" else set()
        idle |= {"transparent"} if not kind.transparent else set()
        idle |= {"quality"} if kind.kind != "video" and kind.name != ".webp" else set()
        idle |= {"codec"} if len(kind.codecs) < 2 else set()
        return frozenset(idle | ({"title", "caption"} if self.shoot.plot and not self.grid else set()))

    def effective(self, kind: Format) -> Shoot:
        """Return the options without those that have no effect."""
        usual = Shoot()
        idle = self.idle(kind) - {"full"}
        idle -= {"seconds"} if kind.moving else set()
        shoot = replace(self.shoot, **{name: getattr(usual, name) for name in idle})
        if shoot.codec not in {"", *kind.codecs}:
            shoot = replace(shoot, codec="")
        return replace(shoot, plot=0) if self.grid else shoot

    def exists(self) -> bool:
        """Return whether there is something at the place already."""
        path = Path(self.target)
        return path.is_file() or (path.is_dir() and any(path.iterdir()))

    def changed(self, name: str, value: object) -> Draft:
        """Return the draft with an option as somebody typed or chose it.

        Raises
        ------
        ParamError : a value that cannot be
        """
        if name == "out":
            return replace(self, path=str(value).strip())
        if name == "format":
            return replace(self, path=with_ending(self.path, str(value)))
        if name == "part":
            number = int(str(value))
            return replace(self, grid=number == ALL_PANELS, shoot=replace(self.shoot, plot=max(0, number)))
        if name == "full":
            name, value = "seconds", None if value else self.shoot.length
        kind = declared(self.shoot)[name].kind
        changes: dict[str, Any] = {name: kind.coerce(name, value, None)}
        return replace(self, shoot=replace(self.shoot, **changes))

    def many(self, kind: Format) -> bool:
        """Return whether there are so many pictures that somebody should be asked first."""
        return kind.moving and self.shoot.pictures > MANY


def with_ending(path: str, name: str) -> str:
    """Return a path with the ending of a format; a slash at its end makes it a folder."""
    known = [ending for ending in FORMATS if ending != "folder"]
    plain = path.rstrip("/")
    plain = plain[: -len(Path(plain).suffix)] if Path(plain).suffix.lower() in known else plain
    return f"{plain}/" if name == "folder" else plain + name


def complaint(error: Exception) -> tuple[str, str]:
    """Return the option that a sentence is about, and the sentence without it."""
    sentence = str(error)
    if "encoder is missing" in sentence:
        return "codec", sentence
    found = ABOUT.match(sentence)
    name = {"plot": "part", "panel": "part", "export": "part"}.get(found[1], found[1]) if found else ""
    if found is None or name not in {"out", "part", *declared(Shoot)}:
        return "out", sentence
    return name, sentence[found.end() :]
