"""The Python surface."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

import nodeviz
from nodeviz.experiments.own_presets import save_own
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.phase_frame import PhaseFrame
from nodeviz.experiments.run import stack_frames

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from nodeviz.experiments.run import Run


def test_solve_is_the_engines() -> None:
    ts = np.linspace(0.0, 6.0, 7)
    solution = nodeviz.solve(
        lambda _t, y: np.array([-0.1 * y[0] - y[1], y[0] - 0.1 * y[1]]), np.array([2.0, 0.0]), ts, method="dop853",
        rtol=1e-10, atol=1e-12,
    )  # fmt: skip
    exact = 2 * np.exp((-0.1 + 1j) * ts)
    assert solution.status == "ok"
    assert solution.ys.shape == (7, 2)
    assert solution.ys == pytest.approx(np.stack([exact.real, exact.imag], axis=1), abs=1e-9)


def test_solve_takes_a_batch_in_columns() -> None:
    y0 = np.array([[1.0, 2.0, 3.0]])
    solution = nodeviz.solve(lambda _t, y: -y, y0, [0.0, 1.0], rtol=1e-8, atol=1e-10)
    assert solution.ys.shape == (2, 1, 3)
    assert solution.ys[-1] == pytest.approx(y0 / np.e, rel=1e-7)


def test_a_run_yields_frames_and_then_has_metrics() -> None:
    run = nodeviz.run("phase", preset="van-der-pol", solvers="rk4", parameters={"mu": 2.0})
    frames = list(run)
    assert all(isinstance(frame, PhaseFrame) for frame in frames)
    assert len(frames) >= 3
    assert run.params.parameters["mu"] == 2.0
    assert run.params.solvers == ("rk4",)
    assert run.params.show_nullclines  # from the preset
    assert run.metrics["solvers"]["rk4"]["status"] == "ok"
    assert run.progress == pytest.approx(0.8)
    assert list(run) == []  # it has ended


def test_metrics_run_to_the_end_what_was_not_iterated() -> None:
    run = nodeviz.run("phase")
    frame = next(iter(run))
    assert not frame.studies.complete
    assert run.metrics["solvers"]["rk4"]["observed_order"] == pytest.approx(4, abs=0.1)
    assert run.metrics is run.metrics
    assert run.history == {}  # the phase portrait reports no numbers as it goes
    assert run.status == "ok"


def test_a_preset_of_ones_own_brings_its_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODEVIZ_CONFIG_DIR", str(tmp_path))
    save_own("phase", "Mine", "", {"t1": 7.5}, seed=9)
    given = {"preset": "Mine"}, {"preset": "Mine", "seed": 4}, {"preset": "spiral"}, {"seed": 0}
    assert [nodeviz.run("phase", **words).seed for words in given] == [9, 4, 0, 0]
    drawn: list[int] = []

    def draw(runs: list[Run], path: Path, _shoot: object) -> Generator[None, None, Path]:
        drawn.extend(run.seed for run in runs)
        yield
        return path

    monkeypatch.setattr("nodeviz.app.export.export_runs", draw)
    for words in given:
        nodeviz.export("phase", tmp_path / "a.png", **words)
    assert drawn == [9, 4, 0, 0]


def test_two_runs_do_not_share_anything() -> None:
    first, second = nodeviz.run("phase"), nodeviz.run("phase", t1=3)
    next(iter(first))
    assert second.metrics["reference"]["y_final"].tolist() != first.metrics["reference"]["y_final"].tolist()


def test_any_callable_is_a_system() -> None:
    run = nodeviz.run("phase", system=lambda _t, y: [y[1], -np.sin(y[0])], start=(1, 0), solvers=["rk4"], t1=3)
    frames = list(run)
    assert run.metrics["solvers"]["rk4"]["final_error"] < 1e-3
    assert run.summary()["params"]["system"] == "python:<lambda>"
    for name, column in stack_frames(frames).items():
        assert not column.dtype.hasobject, name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_steps": 0}, "n_steps=0: below the limit 1"),
        ({"rtol": float("nan")}, "rtol=nan: not a finite number"),
        ({"start": [1, 2, 3]}, "3 numbers where a point has 2"),
        ({"stepz": 3}, "did you mean 'n_steps'"),
        ({"preset": "spirral"}, "did you mean 'spiral'"),
        ({"seed": -1}, "seed=-1: below the limit 0"),
        ({"seed": "one"}, "seed=one: not a number"),
        ({"solvers": ["rk4", "rk5"]}, "unknown solver"),
    ],
)
def test_bad_arguments_raise_one_sentence(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        nodeviz.run("phase", **changes)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_panel_gets_the_nearest_one() -> None:
    with pytest.raises(ParamError, match="panel=fase: unknown; did you mean 'phase'"):
        nodeviz.run("fase")


def test_panels_without_a_window_say_what_to_do_instead() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import nodeviz; nodeviz.panels"], capture_output=True, text=True, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    sentence = "nodeviz.panels: no window is open in this program; use nodeviz.run(panel) without one"
    assert last == f"AttributeError: {sentence}"


def test_importing_nodeviz_loads_neither_numpy_nor_qt() -> None:
    code = "import sys, nodeviz; print([n for n in ('numpy', 'PySide6', 'nodeviz.api') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_names_are_listed_and_documented() -> None:
    assert {"solve", "run", "panels", "__version__"} <= set(dir(nodeviz))
    assert "preset" in inspect.signature(nodeviz.run).parameters
    assert "frames" in (nodeviz.run.__doc__ or "")
    with pytest.raises(AttributeError, match="no attribute 'solv'"):
        nodeviz.solv  # noqa: B018


def test_event_stands_beside_solve() -> None:
    solution = nodeviz.solve(
        lambda _t, y: -y, [1.0], [0.0, 2.0], events=[nodeviz.Event(lambda _t, y: y[0] - 0.5, True)]
    )
    assert solution.ts[-1] == pytest.approx(np.log(2.0), abs=1e-5)
