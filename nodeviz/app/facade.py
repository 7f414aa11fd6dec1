"""What the console sees of a panel: parameters as attributes, its run, its cursor and its verbs. Never a widget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from nodeviz.app import user_presets
from nodeviz.app.interrupt import wait_loop
from nodeviz.experiments.own_presets import own_presets
from nodeviz.experiments.params import Flag, ParamError, declared, nearest
from nodeviz.experiments.presets import presets

if TYPE_CHECKING:
    from nodeviz.app.export_job import ExportJob
    from nodeviz.app.panels.base import Panel


class NumberMapView(MutableMapping[str, float]):
    """A mapping-valued parameter whose entries can be set: ``phase.parameters["mu"] = 2``."""

    def __init__(self, panel: Panel[Any, Any], name: str) -> None:
        self._panel, self._name = panel, name

    def _values(self) -> dict[str, float]:
        return dict(getattr(self._panel.params, self._name))

    def __getitem__(self, key: str) -> float:
        return self._values()[key]

    def __setitem__(self, key: str, value: float) -> None:
        self._panel.session.change(self._panel.experiment, {self._name: {key: value}})

    def __delitem__(self, key: str) -> None:
        raise ParamError(f"{self._name}: {key!r} belongs to the equations; change those instead")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def __repr__(self) -> str:
        return repr(self._values())


class PanelFacade:
    """A panel in the console.

    Parameters are attributes: ``phase.n_steps = 30``; ``phase.n_steps?`` shows help and limits. There are two clocks:
    play(), pause() and t move the cursor; train(), stop(), step(n) and reset() drive the run.
    """

    def __init__(self, panel: Panel[Any, Any]) -> None:
        object.__setattr__(self, "_panel", panel)

    # Parameters.

    def __getattr__(self, name: str) -> Any:
        panel: Panel[Any, Any] = object.__getattribute__(self, "_panel")
        known = declared(panel.params)
        if name in known:
            value = getattr(panel.params, name)
            return NumberMapView(panel, name) if hasattr(value, "keys") else value
        if name in panel.verbs:
            return getattr(panel, panel.verbs[name])
        if name == panel.time_name:
            return panel.cursor_time(panel.playbar.fraction)
        raise AttributeError(f"{panel.experiment}.{name}: unknown; {nearest(name, dir(self))}")

    def __setattr__(self, name: str, value: Any) -> None:
        panel: Panel[Any, Any] = object.__getattribute__(self, "_panel")
        if name in declared(panel.params):
            panel.session.change(panel.experiment, {name: value})
        elif name == panel.time_name:
            panel.put_time(value)
        elif name in {"seed", "speed", "loop", "folded", "visible"}:
            type(self).__dict__[name].__set__(self, value)
        else:
            known = [*declared(panel.params), panel.time_name, "seed", "speed", "loop", "folded", "visible"]
            raise AttributeError(f"{panel.experiment}.{name}: cannot be set; {nearest(name, known)}")

    def __dir__(self) -> list[str]:
        panel: Panel[Any, Any] = object.__getattribute__(self, "_panel")
        own = [name for name in vars(type(self)) if not name.startswith("_")]
        return sorted({*own, *declared(panel.params), *panel.verbs, panel.time_name})

    def __repr__(self) -> str:
        known = declared(self._panel.params)
        rows = [f"  {name} = {spec.kind.to_text(getattr(self._panel.params, name))}" for name, spec in known.items()]
        return "\n".join([f"{self._panel.record.title}, seed {self.seed}", *rows])

    @property
    def __custom_documentations__(self) -> dict[str, str]:
        """What IPython shows for ``phase.n_steps?``; without it the manual of int."""
        return {name: spec.describe() for name, spec in declared(self._panel.params).items()}

    def set(self, *values: object, **changes: object) -> None:
        """Change several parameters in one step of undo; ``latent.set(t, y)`` sets what is observed."""
        panel = self._panel
        if "set" in panel.verbs and (values or "t" in changes):
            getattr(panel, panel.verbs["set"])(*values, **changes)
        elif values:
            raise ParamError(f"set: {len(values)} values without a name; write name=value for each parameter")
        else:
            panel.session.change(panel.experiment, changes)

    def describe(self, name: str) -> str:
        """Return the help text of a parameter: what it is, its limits and its default."""
        known = declared(self._panel.params)
        if name not in known:
            raise ParamError(f"{name}: no such parameter; {nearest(name, known)}")
        return known[name].describe()

    @property
    def params(self) -> Any:
        """All parameters, as the frozen object that the run was started with."""
        return self._panel.params

    def preset(self, name: str | None = None) -> Any:
        """Start from a preset; without a name return the names with their sentences."""
        if name is None:
            panel, folder = self._panel.experiment, self._panel.session.folder
            known = presets(panel) | own_presets(panel, folder)
            return {preset.name: preset.sentence for preset in known.values()}
        return self._panel.session.load_preset(self._panel.experiment, name)

    def save_preset(self, name: str, sentence: str = "", *, replace: bool = False) -> None:
        """Keep parameters and seed as a preset of your own; load it by ``preset(name)``."""
        user_presets.save_preset(self._panel, name, sentence, replace=replace)

    def rename_preset(self, name: str, new: str) -> None:
        """Give a preset of your own another name."""
        user_presets.rename_preset(self._panel, name, new)

    def delete_preset(self, name: str) -> None:
        """Delete a preset of your own."""
        user_presets.delete_preset(self._panel, name)

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self._panel.session.state(self._panel.experiment).seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._panel.session.set_seed(self._panel.experiment, seed)

    # Results.

    def export(self, path: str, *, grid: bool = False, **options: Any) -> ExportJob:
        """Write what the panel shows to a file, while the window works on; ``cancel()`` of what this returns gives up.

        Options: size=(1280, 720), fps=30, seconds=8 (None: the full range), speed=None, there_and_back=False, loop=0,
        at=None (the panel's time, for a still), over="" ("time", "points", "training"), theme="dark", plot=0,
        title=True, caption=True, transparent=False, quality=80, codec="". With ``grid`` all panels are in the picture.
        """
        from nodeviz.app.export import make_shoot
        from nodeviz.app.export_job import ExportJob, Exports

        panels = Exports.of(self._panel.session).panels if grid else ()
        return ExportJob(self._panel, path, make_shoot(options), panels)

    def cancel_export(self, path: str | None = None) -> None:
        """Give up the export to a file, or all that go on; nothing of them is left behind."""
        from nodeviz.app.export_job import Exports

        for job in Exports.of(self._panel.session).running:
            if path in {None, job.path}:
                job.cancel()

    @property
    def frame(self) -> Any:
        """The newest frame: its arrays are what the plots show."""
        return self._panel.frame

    @property
    def metrics(self) -> Any:
        """The metrics of the run, None until it has ended."""
        return self._panel.metrics

    @property
    def history(self) -> dict[str, list[float]]:
        """All numbers that the run has reported so far."""
        return {name: list(values) for name, values in self._panel.history.items()}

    # The cursor.

    def play(self) -> None:
        """Let the cursor move; from the start where it stands at the end."""
        self._panel.do("play")

    def pause(self) -> None:
        """Halt the cursor."""
        self._panel.do("pause")

    @property
    def speed(self) -> float:
        """How fast the cursor moves, 0.25 to 4."""
        return self._panel.playbar.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._panel.playbar.set_speed(speed)
        self._panel.do("speed set")

    @property
    def loop(self) -> bool:
        """Whether the cursor starts again at the end."""
        return self._panel.playbar.loop.isChecked()

    @loop.setter
    def loop(self, on: bool) -> None:
        self._panel.playbar.loop.setChecked(Flag().coerce("loop", on, None))
        self._panel.do("loop")

    # The panel.

    @property
    def folded(self) -> bool:
        """Whether the controls are folded away."""
        return self._panel.column.isHidden()

    @folded.setter
    def folded(self, on: bool) -> None:
        self._panel.fold(on=Flag().coerce("folded", on, None))

    @property
    def visible(self) -> bool:
        """Whether the panel is on show."""
        return not self._dock.isHidden()

    @visible.setter
    def visible(self, on: bool) -> None:
        self._dock.setVisible(Flag().coerce("visible", on, None))
        if self.visible:
            self._dock.raise_()

    @property
    def _dock(self) -> Any:
        return self._panel.parentWidget()

    # The run.

    def train(self) -> None:
        """Let the run go on."""
        self._panel.train()

    def stop(self) -> None:
        """Halt the run where it is."""
        self._panel.stop()

    def step(self, n: int = 1) -> None:
        """Let the run take ``n`` more steps, then halt."""
        self._panel.step(n)

    def reset(
        self,
        steps: int | None = None,
        goal: int | None = None,
        changes: Mapping[int, Mapping[str, object]] | None = None,
    ) -> None:
        """Start the run again from its seed, from nothing that was computed before.

        With ``steps`` it halts after so many training steps. ``goal`` is the step at which it is complete, where that
        is not the experiment's own; ``changes`` are live parameters by step, as in {20: {"lr": 0.01}}.
        """
        self._panel.reset(steps, goal, changes)

    def wait(self, until: Callable[[], bool] | None = None, timeout: float | None = 60.0) -> bool:
        """Wait until the run has ended, or until ``until()`` is true; the plots go on, Ctrl+C ends it.

        Returns whether that happened within ``timeout`` seconds.

        Raises
        ------
        ParamError : the panel is hidden, and the runs of hidden panels rest
        """
        panel = self._panel
        if until is None and panel.busy and not panel.isVisible():
            name = panel.experiment
            raise ParamError(f"wait: {name} is hidden, and what is hidden rests; show it first: commands.show_{name}()")
        return wait_loop(until or (lambda: not self._panel.busy), timeout)
