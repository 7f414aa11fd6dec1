"""The frames of a latent ODE: the first answer to observations, the refined ones, and what is measured at rest."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from nodeviz.experiments.latent_answer import errors_of
from nodeviz.experiments.latent_answering import Answering
from nodeviz.experiments.latent_baselines import BASELINES
from nodeviz.experiments.latent_calibrating import observation_counts
from nodeviz.experiments.latent_data import family_of
from nodeviz.experiments.latent_draws import Evaluation, no_draws
from nodeviz.experiments.latent_frame import LatentFrame
from nodeviz.experiments.latent_measures import errors_as_json, metrics_of
from nodeviz.experiments.latent_views import answer_view, baseline_view, errors_held
from nodeviz.experiments.latent_words import what_the_answer_shows
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.training_run import Pace

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.experiments.base import Metrics, Request
    from nodeviz.experiments.latent_data import Source
    from nodeviz.experiments.latent_frame import AnswerView, BaselineView, ErrorView
    from nodeviz.experiments.latent_params import LatentParams
    from nodeviz.experiments.latent_training import Learner

    Frames = Generator[LatentFrame | None, None, None]

LONGEST = 2.0  # seconds of refinement in the window
PAINT, NAP = 0.06, 0.001  # seconds until refinement begins, and between two looks at the clock
SHOW_DRAWS = 0.25  # seconds between two frames that only say how far the draws are


class Screen:
    """Makes frames of a latent ODE; what has not changed since is not made again.

    Parameters
    ----------
    learner : the model, in training or not
    source : of observations
    watched : whether somebody looks on: then refinement ends by the clock too, and shows what it has meanwhile
    """

    def __init__(self, learner: Learner, source: Source, params: LatentParams, seed: int, *, watched: bool) -> None:
        self._learner, self._source, self._params, self._live = learner, source, params, params
        self._answering = Answering(source, seed, LONGEST if watched else float("inf"))
        self._watched = watched
        self._pace = Pace()
        self._baselines: dict[str, tuple[BaselineView, ErrorView | None]] = {}
        self._draws = no_draws(params.draws, params.n_observations)
        self._draws_key: tuple[object, ...] = ()
        self._draws_shown = 0  # counts what was known of them
        self._table: dict[str, dict[str, dict[str, float]]] = {}
        self._refused: dict[str, tuple[int, str]] = {}  # by baselines, and the edit that was too much for them
        self._shown: tuple[object, ...] = ()

    # What training_run.Screen asks for.

    @property
    def due(self) -> bool:
        """Whether the next picture may come while training goes on."""
        return self._pace.due

    def follow(self, live: LatentParams) -> None:
        """Put live parameters in force; the next picture may come at once."""
        self._live = live
        self._pace.hurry()

    def draw(self, step: int, steps: int, *, resting: bool) -> Frames:
        """Answer what was edited: yield None meanwhile, then the frame, and at rest the refined ones."""
        del step  # the learner knows
        started = time.perf_counter()
        learner, answering = self._learner, self._answering
        yield from answering.first_steps(learner.saved, learner.revision, self._live)
        if not resting and not learner.encodes:
            yield from self._refine_first()
        refine = resting and answering.goes_on(self._live)
        yield from self._show(steps, refining=refine)
        self._pace.drawn(started)
        if refine and self._watched:
            yield from let_paint()
        while refine:
            yield from answering.refine_steps()
            refine = answering.goes_on(self._live)
            if not refine or (self._watched and self._pace.due):
                started = time.perf_counter()
                yield from answering.show_steps(self._live)
                yield from self._show(steps, refining=refine)
                self._pace.drawn(started)

    def _refine_first(self) -> Generator[None, None, None]:
        """Refine the answer of a model whose encoder says nothing yet, all at once."""
        while self._answering.goes_on(self._live):
            yield from self._answering.refine_steps()
        yield from self._answering.show_steps(self._live)

    def measure(self, step: int, steps: int) -> Frames:
        """Ask the baselines, and answer many draws: yield None meanwhile, and frames with what is known."""
        before = self._learner.revision
        yield from self._learner.finish()
        if self._learner.revision != before:
            yield from self.draw(step, steps, resting=True)
        for name in self._live.baselines:
            yield from self._ask(name)
            yield from self._show(steps)
        if self._params.draws:
            yield from self._evaluate(steps)
            if self._params.weights == "fresh" and not self._watched:
                yield from self._tabulate()

    def answer(self, request: Request, step: int) -> Generator[None, None, Any]:
        """Return None: there is nothing to ask that the frames do not have."""
        del request, step
        yield

    def metrics(self) -> Metrics:
        """Return the metrics that ``nodeviz list`` documents."""
        draws, answer = self._draws, self._answer_view(refining=False)
        of = draws if draws.errors else answer
        return metrics_of(
            draws.errors or self._errors(),
            elbo=of.elbo,
            milliseconds_first=of.milliseconds_first,
            milliseconds_refined=of.milliseconds_refined,
            held_out=self._table,
        )

    @property
    def note(self) -> str:
        """What is worth knowing of the series, and why a baseline says nothing, in sentences."""
        edit = self._answering.edit
        refused = (why for number, why in self._refused.values() if number == edit.number)
        return " ".join(filter(None, (edit.seen.note, *refused)))

    # How each part is made.

    def _ask(self, name: str) -> Generator[None, None, None]:
        """Ask a baseline about the newest observations, unless it has been."""
        edit = self._answering.edit
        known, refused = self._baselines.get(name), self._refused.get(name)
        if (known and known[0].edit == edit.number) or (refused and refused[0] == edit.number):
            return
        seen = edit.seen
        try:
            found = yield from BASELINES[name](seen.batch, seen.asked, family_of(self._params).name)
        except ParamError as error:
            self._refused[name] = edit.number, f"{error}."
            self._baselines.pop(name, None)
            return
        view = baseline_view(name, seen, found, edit.number)
        self._baselines[name] = view, errors_held(name, seen, view, found)

    def _evaluate(self, steps: int) -> Frames:
        """Answer many draws, once for each state of the model."""
        live = self._live
        key = (self._learner.revision, live.refine, live.refine_steps, live.samples, live.baselines)
        if key == self._draws_key:
            return
        work = Evaluation(self._learner.saved, family_of(live), live, self._source.seed)
        running, shown = work.run(), time.perf_counter()
        while True:
            try:
                next(running)
            except StopIteration as end:
                self._draws, self._draws_key = end.value, key
                self._draws_shown += 1
                number = self._answering.edit.number
                self._refused |= {name: (number, why) for name, why in work.refused.items()}
                break
            yield None
            if self._watched and time.perf_counter() - shown > SHOW_DRAWS:
                self._draws = dataclasses.replace(self._draws, done=work.done)
                self._draws_shown += 1
                yield from self._show(steps)
                shown = time.perf_counter()
        yield from self._show(steps)

    def _tabulate(self) -> Generator[None, None, None]:
        """Answer the draws observed fewer and more times, for those who keep the weights."""
        family = family_of(self._params)
        for count in observation_counts(family):
            params = dataclasses.replace(self._live, n_observations=count)
            view = yield from Evaluation(self._learner.saved, family, params, self._source.seed).run()
            self._table[str(count)] = {error.name: errors_as_json(error) for error in view.errors}

    def _errors(self) -> tuple[ErrorView, ...]:
        """Return the errors on the series shown: of the answer, and of the baselines that are known."""
        seen, answer = self._answering.edit.seen, self._answering.answer
        if seen.given.truth is not None:
            own = errors_of("latent", seen.places(seen.s), seen.view.truth, answer.mean, answer.function)
        elif len(seen.held_s):
            target = seen.scaling.centre + seen.scaling.scale * seen.held_x
            own = errors_of("latent", seen.places(seen.held_s), target, answer.held.mean, answer.held.edges)
        else:
            return ()
        known = (self._baselines[name] for name in self._live.baselines if name in self._baselines)
        number = self._answering.edit.number
        return own, *(error for view, error in known if error is not None and view.edit == number)

    def _answer_view(self, *, refining: bool) -> AnswerView:
        edit = self._answering.edit
        first, refined = 1e3 * edit.first.seconds, 1e3 * (edit.first.seconds + edit.refining.seconds)
        return answer_view(
            edit.seen,
            self._answering.answer,
            elbos=edit.elbos,
            refining=refining,
            refine_step=edit.taken,
            converged=edit.converged(weights=self._live.refine_weights),
            milliseconds=(first, refined),
            edit=edit.number,
        )

    def _show(self, steps: int, *, refining: bool = False) -> Frames:
        """Yield a frame of what there is, if it differs from the last one."""
        answering, draws = self._answering, self._draws
        baselines = tuple(self._baselines[name][0] for name in self._live.baselines if name in self._baselines)
        model = self._learner.view(steps)
        state = (
            answering.version,
            refining,
            tuple((b.name, b.edit) for b in baselines),
            self._draws_shown,
            model.step,
            model.message,
        )
        if state == self._shown:
            return
        self._shown = state
        series, answer, errors = answering.edit.seen.view, self._answer_view(refining=refining), self._errors()
        yield LatentFrame(
            series=series,
            answer=answer,
            inside=answering.inside,
            baselines=baselines,
            errors=errors,
            draws=draws,
            model=model,
            words=what_the_answer_shows(series, answer, errors, draws, model),
        )


def let_paint() -> Generator[None, None, None]:
    """Leave the interpreter to whoever paints the first answer, and to the next edit of a hand that moves.

    Refining would take half of it away, and of edits that follow each other within this time only the last is refined.
    """
    until = time.perf_counter() + PAINT
    while time.perf_counter() < until:
        time.sleep(NAP)
        yield
