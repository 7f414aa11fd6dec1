"""What exports and previews compute and encode on threads of their own: given up without a wait."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.app.export_background import END, BackgroundFilm, close_films
from nodeviz.app.export_estimate import Trial
from nodeviz.experiments.shoot import Shoot
from nodeviz.media.formats import FORMATS
from nodeviz.media.gif import GifEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


class Slow:
    """A film whose first step goes on until it is let go."""

    looks = ()

    def __init__(self) -> None:
        self.go_on, self.under_way = threading.Event(), threading.Event()

    def prepare(self) -> Iterator[None]:
        self.under_way.set()
        self.go_on.wait(20.0)
        yield

    def moments(self) -> Iterator[Any]:
        raise AssertionError("nobody wants them")


def test_films_are_given_up_together_within_one_deadline() -> None:
    slow = [Slow() for _ in range(6)]
    films = [BackgroundFilm(film) for film in slow]
    for film, inside in zip(films, slow, strict=True):
        next(film.prepare())
        inside.under_way.wait(20.0)
    began = time.monotonic()
    close_films(films)
    assert END <= time.monotonic() - began < 3 * END  # one after the other they would take six
    for inside in slow:
        inside.go_on.set()
    began = time.monotonic()
    for film in films:
        film.wait(20.0)  # each ends by itself
    assert not any(film._thread.is_alive() for film in films)


def test_a_sample_is_given_up_without_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded, first, go_on = [0], threading.Event(), threading.Event()
    add = GifEncoder.add

    def slow(self: GifEncoder, picture: Any) -> None:
        encoded[0] += 1
        first.set()
        go_on.wait(20.0)
        add(self, picture)

    monkeypatch.setattr(GifEncoder, "add", slow)
    pictures = [np.full((64, 64, 4), 20 * number, np.uint8) for number in range(10)]
    trial = Trial(FORMATS[".gif"], Shoot(size=(64, 64), fps=10.0), pictures)
    first.wait(20.0)
    began = time.monotonic()
    trial.stop()
    assert time.monotonic() - began < 0.1
    assert not trial.done
    go_on.set()
    trial.wait()
    assert trial.result is None
    assert trial.error is None
    assert encoded[0] < 10
