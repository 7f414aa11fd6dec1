"""A film that is computed on a thread of its own, a few moments ahead of whoever draws it."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nodeviz.experiments.base import Frame
    from nodeviz.experiments.films import Film, Moment

AHEAD = 4  # moments that may wait to be drawn: memory does not grow with the length of a film
PATIENCE = 0.05  # s between two looks whether anybody still wants them
END = 0.5  # s for the steps that are under way, of all films together, when nobody wants them any more


class BackgroundFilm:
    """Yields None where another film would hold up its caller with computing.

    Parameters
    ----------
    film : Film, whose run nobody else steps
    """

    def __init__(self, film: Film) -> None:
        self._film = film
        self._queue: queue.Queue[Moment | None] = queue.Queue(AHEAD)
        self._prepared, self._stop = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._compute, name="nodeviz film", daemon=True)

    @property
    def looks(self) -> tuple[Frame, ...]:
        """Frames that are known once it is prepared."""
        return self._film.looks

    def prepare(self) -> Iterator[None]:
        """Begin; yield until what the first moment needs is there."""
        self._thread.start()
        while not self._prepared.wait(PATIENCE / 10):
            yield
        self._complain()

    def moments(self) -> Iterator[Moment | None]:
        """Yield a moment for each picture, and None while there is none yet."""
        while True:
            try:
                moment = self._queue.get(timeout=PATIENCE / 10)
            except queue.Empty:
                yield None
                continue
            if moment is None:
                self._complain()
                return
            yield moment

    def stop(self) -> None:
        """Let the thread end after the step under way, and do not wait for it."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Wait until the thread has ended, and no longer than that."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _complain(self) -> None:
        if self._error is not None:
            raise self._error

    def _compute(self) -> None:
        try:
            for _ in self._film.prepare():
                if self._stop.is_set():
                    return
            self._prepared.set()
            for moment in self._film.moments():
                if self._stop.is_set() or (moment is not None and not self._put(moment)):
                    return
        except Exception as error:  # noqa: BLE001 - raised again where moments are taken
            self._error = error
        finally:
            self._prepared.set()
        self._put(None)

    def _put(self, moment: Moment | None) -> bool:
        """Wait for room; return whether anybody still wants it."""
        while not self._stop.is_set():
            try:
                self._queue.put(moment, timeout=PATIENCE)
            except queue.Full:
                continue
            return True
        return False


def close_films(films: Iterable[Film]) -> None:
    """End the threads of films, side by side; one whose step takes longer than anybody should wait ends by itself."""
    mine = [film for film in films if isinstance(film, BackgroundFilm)]
    for film in mine:
        film.stop()
    until = time.monotonic() + END
    for film in mine:
        film.wait(max(0.0, until - time.monotonic()))
