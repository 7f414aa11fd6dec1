"""A headless run: the experiment that the window shows, without the window."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nodeviz.experiments import params as declarations
from nodeviz.experiments.base import Frame, Metrics, flatten
from nodeviz.experiments.presets import find_preset
from nodeviz.experiments.registry import find_experiment

if TYPE_CHECKING:
    from pathlib import Path

    from nodeviz.experiments.base import Replay

SEED = declarations.Number(0, 2**53 - 1, integer=True)  # what a float, and so every reader of JSON, holds exactly


class Run:
    """One run of an experiment from its seed. Iterate for the frames; `metrics` runs to the end what was not iterated.

    Parameters
    ----------
    panel : str, as in ``nodeviz list``
    preset : str or None, a preset to start from, of those that ship or of the user's own
    seed : int, 0 or more; None for that of the preset where the user saved one with it, else 0
    changes : parameter values on top of the preset, as text or as Python values
    shown : whether it is run for its pictures: then weights that a preset brings are taken, as in the window
    params : all parameters at once, in place of preset and changes
    replay : how it is to come to these parameters, by live changes; without, they are in force from its beginning

    Raises
    ------
    ParamError : an unknown panel, preset or parameter, or a value outside its limits
    """

    def __init__(
        self,
        panel: str,
        *,
        preset: str | None = None,
        seed: int | None = None,
        changes: Mapping[str, object] | None = None,
        shown: bool = False,
        params: Any = None,
        replay: Replay[Any] | None = None,
    ) -> None:
        self.experiment = find_experiment(panel)
        self.preset = preset
        start = None if preset is None else find_preset(panel, preset)
        if seed is None:
            seed = 0 if start is None else start.seed or 0
        self.seed = int(SEED.coerce("seed", seed, None))
        chosen = dict(start.changes) if start is not None else {}
        if not shown:
            chosen |= {name: value for name, value in self.experiment.headless.items() if name in chosen}
        if params is None:
            params = declarations.change(declarations.change(self.experiment.params(), chosen), changes or {})
        self.params = params
        self.history: dict[str, list[float]] = {}
        self.status = "ok"
        self.message = self.note = ""
        self.seconds = 0.0
        self.progress = 0.0
        self._steps, self.inbox = self.experiment.start(self.params if replay is None else replay.begun, self.seed)
        if replay is not None:
            self.inbox.replay(replay)
        self._metrics: Metrics | None = None

    def again(self) -> Run:
        """Return the same run, not begun yet, with the changes that this one was given to repeat."""
        run = Run(self.experiment.name, seed=self.seed, params=self.params, replay=self.inbox.replayed)
        run.preset = self.preset
        return run

    def __iter__(self) -> Iterator[Frame]:
        """Yield each picture as soon as it is computed."""
        for frame in self.updates():
            if frame is not None:
                yield frame

    def updates(self) -> Iterator[Frame | None]:
        """Yield a picture or None after every step, for callers that show progress."""
        while self._metrics is None:
            started = time.perf_counter()
            try:
                update = next(self._steps)
            except StopIteration as end:
                self._metrics = end.value
                return
            finally:
                self.seconds += time.perf_counter() - started
            if not self.experiment.trains:
                self.inbox.step += 1
            if update is None:
                yield None
                continue
            self.progress = max(self.progress, update.progress or 0.0)
            self.message = update.message or self.message
            self.note = update.note or self.note
            self.status = update.status if self.status == "ok" else self.status
            for name, value in update.scalars.items():
                self.history.setdefault(name, []).append(value)
            yield update.frame

    @property
    def metrics(self) -> Metrics:
        """The metrics of the whole run, computed on first use."""
        for _ in self.updates():
            pass
        return self._metrics or {}

    @property
    def said(self) -> str:
        """What went wrong, and what is worth knowing, in sentences."""
        return " ".join(filter(None, (self.message, self.note)))

    def fail(self, error: Exception) -> None:
        """Close a run that raised: its summary then says why."""
        self.status = "failed"
        self.message = f"{type(error).__name__}: {error}"
        self._metrics = self._metrics or {}

    def summary(self) -> dict[str, Any]:
        """Return what ``nodeviz run --json`` prints; a number that is not finite is None."""
        metrics = plain(self.metrics)  # first: the rest is that of the whole run
        return {
            "panel": self.experiment.name,
            "preset": self.preset,
            "params": plain(declarations.to_json(self.params)),
            "seed": self.seed,
            "status": self.status,
            "message": self.said,
            "seconds": round(self.seconds, 4),
            "metrics": metrics,
        }


def plain(value: Any) -> Any:
    """Return a value as JSON: NumPy becomes Python, and what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, complex):
        return plain([value.real, value.imag])
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def stack_frames(frames: list[Frame]) -> dict[str, npt.NDArray[Any]]:
    """Return one array per frame field, first axis the frame; ragged fields are padded (NaN, zero or an empty text)."""
    columns: dict[str, list[npt.NDArray[Any]]] = {}
    for frame in frames:
        for name, value in flatten(frame):
            # A system from Python is written by its name: no file of nodeviz holds code.
            text = getattr(value, "__name__", type(value).__name__) if callable(value) else value
            columns.setdefault(name, []).append(np.asarray(text))
    return {name: _pad(arrays) for name, arrays in columns.items()}


def _pad(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    shape = tuple(max(sizes) for sizes in zip(*(array.shape for array in arrays), strict=True))
    dtype = np.result_type(*arrays)
    fill: Any = np.nan if np.issubdtype(dtype, np.inexact) else np.zeros((), dtype)
    stacked = np.full((len(arrays), *shape), fill, dtype)
    for i, array in enumerate(arrays):
        corner: tuple[int | slice, ...] = (i, *(slice(size) for size in array.shape))
        stacked[corner] = array
    return stacked


def write_run(folder: Path, summary: str, frames: list[Frame]) -> None:
    """Write summary.json and frames.npz under temporary names beside them, then rename both.

    Nothing half-written is ever seen, whatever stops it.

    Raises
    ------
    OSError : the folder cannot be written, or the disk is full
    """
    targets = (folder / "frames.npz", folder / "summary.json")
    temporaries = [target.with_name(f".{target.name}.{os.getpid()}.tmp") for target in targets]
    arrays: dict[str, Any] = stack_frames(frames)  # arrays of objects there are none: nothing is pickled
    try:
        with open(temporaries[0], "wb") as file:
            np.savez_compressed(file, **arrays)
        temporaries[1].write_text(summary + "\n", "utf-8")
        for temporary, target in zip(temporaries, targets, strict=True):
            os.replace(temporary, target)
    except BaseException:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)
        raise
