"""From an edit to its answer: what the encoder says at once, then what fits the observations better, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from nodeviz.experiments.budget import Stopwatch
from nodeviz.experiments.latent_answer import Asked, answer_steps
from nodeviz.experiments.latent_inside import inside_of, plane_of
from nodeviz.experiments.latent_seen import see
from nodeviz.models.latent_posterior import Refiner, encoded, standard_normals
from nodeviz.models.latent_weights import WeightRefiner

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.experiments.latent_answer import Answer
    from nodeviz.experiments.latent_data import Source
    from nodeviz.experiments.latent_frame import InsideView
    from nodeviz.experiments.latent_inside import Plane
    from nodeviz.experiments.latent_models import Saved
    from nodeviz.experiments.latent_params import LatentParams
    from nodeviz.experiments.latent_seen import Seen
    from nodeviz.models.latent import HiddenPath
    from nodeviz.models.latent_calibration import Calibration
    from nodeviz.models.latent_posterior import Posterior

T = TypeVar("T")

WEIGHT_STEPS = 5  # of the weights, before the posterior is fitted to them
SMOOTH = 256  # samples that the bands of an answer are made from once it stays
MANY = 120  # observations from which the encoder's way waits until there is an answer


@dataclass(slots=True, kw_only=True)
class Edit:
    """Observations, and how far their answer is.

    Attributes
    ----------
    number : counts the edits; revision : of the model
    seen : what the model sees; saved : the model; calibration : what it reckons with for these data
    encoded, posterior : of each series, what the encoder said, and the best so far
    refiner : None before the first step; weights : None before they are refined too; taken : steps of both
    settled : whether the weights gain nothing any more
    elbos : of the encoder's posterior, and after each step what it would be were curves straight
    first, refining : seconds spent on the first answer, and since
    """

    number: int
    revision: object
    seen: Seen
    saved: Saved
    calibration: Calibration
    encoded: list[Posterior]
    posterior: list[Posterior]
    refiner: Refiner | None = None
    weights: WeightRefiner | None = None
    taken: int = 0
    settled: bool = False
    elbos: list[float] = field(default_factory=list)
    first: Stopwatch = field(default_factory=Stopwatch)
    refining: Stopwatch = field(default_factory=Stopwatch)

    def converged(self, *, weights: bool) -> bool:
        """Whether refinement gains nothing any more; with the ``weights`` only once they do not either."""
        return self.refiner is not None and self.refiner.done and (self.settled or not weights)

    def fresh_refiner(self) -> Refiner:
        """Return what fits the posterior from where it is."""
        levels, first = self.calibration.levels, self.calibration.first
        return Refiner(self.saved.model, self.seen.batch, self.posterior, levels, first)


class Answering:
    """Keeps the answer to the newest observations; what has not changed since is not made again.

    Parameters
    ----------
    longest : seconds that refinement may take

    Attributes
    ----------
    edit, answer, inside : the newest ones
    version : counts what was made, so that nobody shows the same twice
    """

    def __init__(self, source: Source, seed: int, longest: float) -> None:
        self._source, self._seed, self._longest = source, seed, longest
        self._edit: Edit | None = None
        self._answer: Answer | None = None
        self._inside: InsideView | None = None
        self._hidden: dict[int, HiddenPath] = {}
        self._plane: Plane | None = None
        self._keys: dict[str, tuple[object, ...]] = {}
        self._edits = 0
        self.version = 0

    @property
    def edit(self) -> Edit:
        """The newest edit. There is one as soon as `first_steps` has been through."""
        return _there(self._edit)

    @property
    def answer(self) -> Answer:
        """Its answer."""
        return _there(self._answer)

    @property
    def inside(self) -> InsideView:
        """What is behind it."""
        return _there(self._inside)

    def first_steps(self, saved: Saved, revision: object, live: LatentParams) -> Generator[None, None, None]:
        """Answer what has been edited, at once; otherwise make what is shown anew if it is asked for otherwise.

        Parameters
        ----------
        revision : of the model; another one makes everything anew
        """
        edited = (live.points, live.number, live.thin, live.holdout, live.holdout_share)
        if self._keys.get("edit") == (edited, revision):
            yield from self.show_steps(live)
            return
        watch = Stopwatch()
        yield from watch.of(self._begin(saved, live, edited, revision))
        self.edit.first = watch

    def _begin(
        self, saved: Saved, live: LatentParams, edited: tuple[object, ...], revision: object
    ) -> Generator[None, None, None]:
        model, before = saved.model, self._edit
        if before is not None and self._keys["edit"][0] == edited:
            number, seen = before.number, before.seen
        else:
            given = self._source.given(live.number, live.points)
            number = self._edits
            seen = see(given, live, model.ode.spec.channels, self._seed, self._source.arrived)
        pieces = before is None or seen.n_used > MANY  # nobody waits at the start as after an edit
        if pieces:
            yield
        known = saved.trained_on == seen.given.family
        calibration = saved.calibration if known else saved.calibration.for_any()
        found = encoded(model, seen.batch, calibration.first)
        if pieces:
            yield
        edit = Edit(
            number=number,
            revision=revision,
            seen=seen,
            saved=saved,
            calibration=calibration,
            encoded=found,
            posterior=found,
        )
        yield from self._show_steps(edit, live)
        edit.elbos.append(self.answer.elbo)
        self._edit, self._edits = edit, number + 1
        self._keys["edit"] = (edited, revision)

    def show_steps(self, live: LatentParams) -> Generator[None, None, None]:
        """Make the answer of the posterior as it is, if it is not there yet."""
        if self._keys.get("shown") != self._shown_key(self.edit, live):
            yield from self._show_steps(self.edit, live)

    def _shown_key(self, edit: Edit, live: LatentParams) -> tuple[object, ...]:
        shown = live.samples, live.nudge_of, live.nudge, live.channel, live.plane
        return edit.number, edit.revision, edit.taken, self._count(edit, live), *shown

    def _count(self, edit: Edit, live: LatentParams) -> int:
        """Return how many samples the bands are made from: more when the answer stays, so that they are smooth."""
        stays = edit.taken > 0 and not self.goes_on(live, edit)
        return live.samples * max(1, round(SMOOTH / live.samples)) if stays else live.samples

    def _show_steps(self, edit: Edit, live: LatentParams) -> Generator[None, None, None]:
        model, seen = edit.saved.model, edit.seen
        latent = model.ode.spec.latent
        nudge = live.nudge * (np.arange(1, latent + 1) == live.nudge_of)
        normals = standard_normals(1 + latent, self._count(edit, live), np.random.default_rng(self._seed))
        asked = Asked(normals, live.samples, nudge, edit.calibration)
        answer = yield from answer_steps(model, seen, edit.posterior, asked)
        column = min(live.channel, seen.batch.batch) - 1 if seen.separate else 0
        hidden = model.ode.hidden_path(seen.batch, column) if seen.n_used <= MANY or edit.taken else None
        plane = plane_of(answer.latent[column], seen.latent_window, live.plane, self._plane)
        posteriors = edit.posterior[column], edit.encoded[column]
        self._inside = inside_of(model, seen, answer, posteriors, hidden, plane, column, nudge)
        self._answer, self._plane = answer, plane
        self._keys["shown"] = self._shown_key(edit, live)
        self.version += 1

    def goes_on(self, live: LatentParams, edit: Edit | None = None) -> bool:
        """Whether refinement has steps to take, of those asked for and within its time; of the newest edit."""
        edit = edit or self.edit
        if not live.refine or not edit.seen.n_used or edit.taken >= live.refine_steps:
            return False
        left = not edit.converged(weights=live.refine_weights)
        return left and edit.refining.seconds <= self._longest

    def refine_steps(self) -> Generator[None, None, None]:
        """Take one step of refinement: of the posterior, and once it is done of the weights."""
        edit = self.edit
        done = edit.refiner is not None and edit.refiner.done
        yield from edit.refining.of(self._refine_weights(edit) if done else self._refine(edit))
        edit.taken += 1

    @staticmethod
    def _refine(edit: Edit) -> Generator[None, None, None]:
        if edit.refiner is None:
            edit.refiner = edit.fresh_refiner()
        yield from edit.refiner.step_steps()
        posterior, evidence = yield from edit.refiner.posterior_steps()
        edit.posterior = posterior
        edit.elbos.append(float(evidence.sum()))

    def _refine_weights(self, edit: Edit) -> Generator[None, None, None]:
        """Move the weights of a copy a little, and fit the posterior to what they are then."""
        if edit.weights is None:
            edit.weights = WeightRefiner(edit.saved.model, edit.seen.batch, np.random.default_rng(self._seed))
            edit.saved = edit.saved._replace(model=edit.weights.model)
        weights, before = edit.weights, edit.weights.model.parameters.copy()
        for _ in range(WEIGHT_STEPS):
            weights.step(edit.posterior)
            yield
        refiner = edit.fresh_refiner()
        while not refiner.done:
            yield from refiner.step_steps()
        posterior, evidence = yield from refiner.posterior_steps()
        if not float(evidence.sum()) > edit.elbos[-1]:
            weights.undo(before)
            edit.settled = True
            return
        edit.posterior = posterior
        edit.elbos.append(float(evidence.sum()))


def _there(made: T | None) -> T:
    if made is None:
        raise RuntimeError("nothing was answered yet")
    return made
