"""What the guide says: chapters of steps, and what each plot shows, all of it data in resources."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from collections.abc import Mapping

PieceKind = Literal["plain", "strong", "emphasis", "code", "math"]
_MARKED = re.compile(r"\$([^$]+)\$|`([^`]+)`|\*\*(.+?)\*\*|\*(.+?)\*", re.DOTALL)
_KINDS: tuple[PieceKind, ...] = ("math", "code", "strong", "emphasis")


class Piece(NamedTuple):
    """A stretch of text of one kind; ``math`` is LaTeX."""

    kind: PieceKind
    text: str


class Paragraph(NamedTuple):
    """Some pieces, or one equation on a line of its own."""

    pieces: tuple[Piece, ...]
    display: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One page of the guide.

    Attributes
    ----------
    place : ``chapter/step``, its name in settings and checks
    text, task : marked up as `paragraphs` reads it; what there is to know, and what to try
    panel : which is shown alone; setup : lines of Python that set it up
    answer : lines that do what the task asks
    """

    place: str
    title: str
    text: str
    task: str
    panel: str
    setup: tuple[str, ...]
    answer: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """Some steps about one subject, and the sentence that says which."""

    name: str
    title: str
    sentence: str
    steps: tuple[Step, ...]


class Seeing(NamedTuple):
    """What somebody sees in a plot, marked up as `paragraphs` reads it."""

    title: str
    text: str


@cache
def chapters() -> tuple[Chapter, ...]:
    """Return the chapters in their order."""
    read = []
    for path in sorted(resource_path("guide").glob("[0-9]*.toml")):
        data = tomllib.loads(path.read_text("utf-8"))
        name = path.stem.partition("-")[2]
        steps = tuple(
            Step(
                place=f"{name}/{step['name']}",
                title=step["title"],
                text=step["text"].strip(),
                task=step["task"].strip(),
                panel=step["panel"],
                setup=(f"commands.only_{step['panel']}()", *step["setup"]),
                answer=tuple(step["answer"]),
            )
            for step in data["step"]
        )
        read.append(Chapter(name=name, title=data["title"], sentence=data["sentence"], steps=steps))
    return tuple(read)


@cache
def seeing() -> Mapping[str, Seeing]:
    """Return what each plot shows, by ``panel/subject``."""
    data = tomllib.loads(resource_path("guide", "seeing.toml").read_text("utf-8"))
    return MappingProxyType(
        {
            f"{panel}/{subject}": Seeing(entry["title"], entry["text"].strip())
            for panel, subjects in data.items()
            for subject, entry in subjects.items()
        }
    )


def paragraphs(text: str) -> list[Paragraph]:
    """Return the paragraphs of a text: empty lines part them, ``$$`` begins and ends an equation of its own.

    Within one ``$x^2$`` is mathematics, ```code``` code, ``**strong**`` and ``*emphasis*`` what they say.
    """
    made = []
    for block in re.split(r"\n\s*\n", text.strip()):
        stripped = block.strip()
        if stripped.startswith("$$") and stripped.endswith("$$"):
            made.append(Paragraph((Piece("math", stripped.strip("$").strip()),), display=True))
        else:
            line = " ".join(stripped.split()).replace(" %", "\u00a0%")  # which no line begins with
            made.append(Paragraph(tuple(pieces(line))))
    return made


def pieces(text: str) -> list[Piece]:
    """Return the pieces of a line of text."""
    made: list[Piece] = []
    end = 0
    for match in _MARKED.finditer(text):
        if match.start() > end:
            made.append(Piece("plain", text[end : match.start()]))
        for kind, found in zip(_KINDS, match.groups(), strict=True):
            if found is not None:
                made.append(Piece(kind, found))
        end = match.end()
    if end < len(text):
        made.append(Piece("plain", text[end:]))
    return made


def spoken(text: str) -> str:
    """Return a text without its marks, for screen readers."""
    return "\n".join("".join(piece.text for piece in paragraph.pieces) for paragraph in paragraphs(text))
