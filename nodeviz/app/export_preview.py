"""The first, middle and last picture of an export, drawn one at a time between other events, and what they tell."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from nodeviz.app.export import sheet_of
from nodeviz.app.export_background import close_films
from nodeviz.app.export_estimate import Encoded, Trial, apart, reckon, sample_size
from nodeviz.app.export_job import film_now, subject_of
from nodeviz.experiments.films import OverTime, together
from nodeviz.experiments.params import ParamError
from nodeviz.media.formats import MediaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from nodeviz.app.panels.base import Panel
    from nodeviz.app.projector import Sheet
    from nodeviz.experiments.films import Film, Moment
    from nodeviz.experiments.shoot import Shoot
    from nodeviz.media.formats import Format

    Picture = npt.NDArray[np.uint8]

SOON = 250  # ms after the last change, before anything is drawn
PAUSE = 15  # ms between two pictures: the window's clock gets its turn
NEIGHBOURS = 10  # pictures that follow each other, to see how little changes from one to the next


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown: panels, options, and the format."""

    panels: tuple[Panel[Any, Any], ...]
    shoot: Shoot
    kind: Format


@dataclass(slots=True)
class Timing:
    """Seconds that a sample took."""

    begin: float = 0.0
    drawing: list[float] = field(default_factory=list)
    painting: list[float] = field(default_factory=list)

    @staticmethod
    def usual(seconds: list[float]) -> float:
        """Return the middle one."""
        return sorted(seconds)[len(seconds) // 2] if seconds else 0.0


class Previewer(QObject):
    """Draws what is wanted as soon as it stops changing. ``drew`` carries the number of a picture, 0 to 2."""

    drew = Signal(int, QImage)
    estimated = Signal(object)
    refused = Signal(str)
    told = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._wanted: Wanted | None = None
        self._work: Iterator[None] | None = None
        self._stepping = self._closed = False
        self._sheet: tuple[object, Sheet] | None = None
        self._films: list[Film] = []
        self._trial: Trial | None = None
        self._soon = QTimer(self, singleShot=True, interval=SOON)
        self._soon.timeout.connect(self._begin)
        self._next = QTimer(self, interval=PAUSE)
        self._next.timeout.connect(self._go_on)

    @property
    def busy(self) -> bool:
        """Whether something is to be drawn still."""
        return self._soon.isActive() or self._next.isActive()

    def show(self, wanted: Wanted) -> None:
        """Draw this, once nothing else has been wanted for a moment."""
        if wanted != self._wanted and not self._closed:
            self._wanted = wanted
            self._soon.start()

    def again(self) -> None:
        """Draw the same again: the panels have other frames by now."""
        if self._wanted is not None and not self._closed:
            self._soon.start()

    def close(self) -> None:
        """Let go of everything; nothing is drawn any more."""
        self._closed = True
        self._soon.stop()
        self._next.stop()
        if not self._stepping:  # else the step under way does it at its end
            self._let_go()

    def _let_go(self) -> None:
        self._give_up()
        if self._sheet is not None:
            self._sheet[1].close()
            self._sheet = None

    def _give_up(self) -> None:
        """End what is under way."""
        self._next.stop()
        self._work = None
        close_films(self._films)
        self._films = []
        if self._trial is not None:
            self._trial.stop()
            self._trial = None

    def _begin(self) -> None:
        if self._stepping:
            self._soon.start()  # a picture is being drawn, and lets other events through
            return
        self._give_up()
        if self._wanted is not None and not self._closed:
            self._work = self._draw(self._wanted)
            self._next.start()

    def _go_on(self) -> None:
        if self._stepping or self._work is None:
            return
        self._stepping = True
        try:
            next(self._work)
        except StopIteration:
            self._give_up()
        except (MediaError, ParamError) as error:
            self._give_up()
            self.refused.emit(str(error))
        except Exception:
            self._give_up()
            raise
        finally:
            self._stepping = False
            if self._closed:
                self._let_go()

    # One preview, a piece at a time.

    def _draw(self, wanted: Wanted) -> Iterator[None]:
        shoot = replace(wanted.shoot, size=sample_size(wanted.shoot.size))
        small = replace(shoot, fps=3.0, seconds=1.0, speed=None)
        timing = Timing()
        self._films = [film_now(panel, small, moving=wanted.kind.moving) for panel in wanted.panels]
        yield from self._prepare(timing)
        sheet = self._sheet_for(wanted, shoot)
        yield
        frames = [film.looks[-1] for film in self._films if film.looks]
        if len(frames) == len(self._films):
            sheet.look_at(frames)
            yield
        pictures: list[Picture] = []
        still = all(isinstance(film, OverTime) for film in self._films)
        for number, moments in self._moments(wanted, sheet, frames, still=still):
            if moments is None:
                yield
                continue
            began = time.perf_counter()
            sheet.draw_all(moments)
            drawn = time.perf_counter()
            picture = sheet.picture()
            timing.drawing.append(drawn - began)
            timing.painting.append(time.perf_counter() - drawn)
            if number < 3:
                self.drew.emit(number, image_of(picture, transparent=shoot.transparent))
            if number >= 3 or not still or not wanted.kind.moving:
                pictures.append(picture)
            yield
        yield from self._estimate(wanted, sheet, pictures, timing)

    def _prepare(self, timing: Timing) -> Iterator[None]:
        """Compute what must be there before the first picture."""
        began = time.perf_counter()
        for film in self._films:
            for _ in film.prepare():
                self.told.emit("computing ...")
                yield
        timing.begin = time.perf_counter() - began

    def _sheet_for(self, wanted: Wanted, shoot: Shoot) -> Sheet:
        """Return the panels that draw; the ones before if they would look the same."""
        subjects = [subject_of(panel) for panel in wanted.panels]
        key = (subjects, shoot.size, shoot.theme, shoot.title, shoot.caption, shoot.plot, shoot.transparent)
        if self._sheet is not None and self._sheet[0] == key:
            return self._sheet[1]
        if self._sheet is not None:
            self._sheet[1].close()
            self._sheet = None
        self._sheet = key, sheet_of(subjects, shoot)
        return self._sheet[1]

    def _moments(
        self, wanted: Wanted, sheet: Sheet, frames: list[Any], *, still: bool
    ) -> Iterator[tuple[int, Sequence[Moment] | None]]:
        """Yield what is drawn: 0 to 2 for the previews, from 3 on pictures that follow each other."""
        shoot = wanted.shoot
        if not wanted.kind.moving:
            share = 1.0 if shoot.at is None else sheet.fraction_at(shoot.at)
            yield 0, [(frame, share) for frame in frames]
        elif still:
            last = max(0, shoot.pictures - 1)
            step = apart(shoot, wanted.kind)
            places = [0, last // 2, last, *(min(last, last // 2 + step * i) for i in range(NEIGHBOURS))]
            for number, place in enumerate(places):
                yield number, [(frame, shoot.fraction(place)) for frame in frames]
        else:
            number = 0
            for moments in together(self._films):
                if moments is None:
                    self.told.emit("computing ...")
                    yield number, None
                elif number < 3:
                    yield number, moments
                    number += 1

    def _estimate(self, wanted: Wanted, sheet: Sheet, pictures: list[Picture], timing: Timing) -> Iterator[None]:
        """Encode the sample, and reckon from it."""
        if wanted.kind.name in {".svg", ".pdf"}:
            encoded = _vector(sheet, wanted.kind)
        else:
            self._trial = Trial(wanted.kind, wanted.shoot, pictures)
            while not self._trial.done:
                yield
            if self._trial.error is not None:
                raise self._trial.error
            assert self._trial.result is not None
            encoded = self._trial.result
        self.estimated.emit(
            reckon(
                wanted.shoot, wanted.kind, encoded, drawing=timing.usual(timing.drawing),
                painting=timing.usual(timing.painting), begin=timing.begin,
            )
        )  # fmt: skip


def _vector(sheet: Sheet, kind: Format) -> Encoded:
    """Make a drawing of lines, and see what it takes."""
    began = time.perf_counter()
    size = float(len(sheet.svg("") if kind.name == ".svg" else sheet.pdf("")))
    return Encoded(size, size, time.perf_counter() - began)


def image_of(picture: Picture, *, transparent: bool) -> QImage:
    """Return a picture (height, width, 4) of blue, green, red, alpha as an image of its own."""
    height, width = picture.shape[:2]
    form = QImage.Format.Format_ARGB32 if transparent else QImage.Format.Format_RGB32
    return QImage(picture.data, width, height, 4 * width, form).copy()
