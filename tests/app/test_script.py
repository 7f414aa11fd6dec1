"""A session as a script: run in another window, it shows the same frames, bit by bit."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from nodeviz import cli
from nodeviz.app.script import lines_between, script_of
from nodeviz.app.session import python_line
from nodeviz.app.session_state import document_of
from nodeviz.experiments import classifier_measures
from nodeviz.experiments.params import change
from nodeviz.experiments.presets import presets
from nodeviz.experiments.registry import REGISTRY

from .conftest import wait_idle
from .test_replaying import QUICK, same_frames
from .windows import opened

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier_measures, "FRESH", classifier_measures.PIECE)


def rebuilt(qtbot: Any, folder: Path, script: Path, name: str) -> tuple[Any, Any, Any]:
    """Run a script in a fresh window; return frame, state and share of the cursor that it leads to."""
    with opened(qtbot, folder, name) as window:
        wait_idle(qtbot, window)
        exec(compile(script.read_text(), str(script), "exec"), {"__name__": "__main__"})
        wait_idle(qtbot, window)
        panel = window.panels[name]
        return panel.frame, window.session.state(name), panel.playbar.fraction


def phase_by_hand(qtbot: Any, window: Any) -> None:
    phase = window.facades["phase"]
    phase.preset("van-der-pol")
    phase.parameters["mu"] = 2.25
    phase.add((0.5, -1.25))
    phase.set(n_steps=40, solvers=["rk4", "dopri5:1e-5"])
    phase.seed = 3
    wait_idle(qtbot, window)
    phase.t = 7.3


def typed_by_hand(qtbot: Any, window: Any) -> None:
    phase = window.facades["phase"]
    phase.equations = "x' = y; y' = -k*x - c*y"
    phase.parameters = {"k": 3.0, "c": 0.25}
    phase.start = [(1, 0), (0, 2)]
    wait_idle(qtbot, window)


def trained(name: str) -> Any:
    def by_hand(qtbot: Any, window: Any) -> None:
        facade = window.facades[name]
        window.session.change(name, QUICK[name])
        facade.seed = 4
        facade.reset(14)
        wait_idle(qtbot, window)
        facade.lr = facade.lr * 4
        facade.step(9)
        wait_idle(qtbot, window)

    return by_hand


def painted_by_hand(qtbot: Any, window: Any) -> None:
    trained("classifier")(qtbot, window)
    classifier = window.facades["classifier"]
    classifier.paint(1, [(0.25, 0.5)], 0.3)
    classifier.step(5)
    wait_idle(qtbot, window)
    classifier.show_grid = False
    classifier.t = 0.4


def flow_by_hand(qtbot: Any, window: Any) -> None:
    flow = window.facades["flow"]
    flow.set(show_contours=True, sample_steps=30)
    flow.paint([(0.5, 0.5), (-1.0, 0.25)], 0.4, 20)
    wait_idle(qtbot, window)
    flow.stop()
    flow.reset(6)
    wait_idle(qtbot, window)
    flow.t = 0.4


def latent_by_hand(qtbot: Any, window: Any) -> None:
    latent = window.facades["latent"]
    latent.preset("eight-points")
    wait_idle(qtbot, window)
    latent.add(0.3, 1.2)
    latent.move(0, (0.05, -0.5))
    wait_idle(qtbot, window)
    latent.t = 0.5


CASES = {
    "phase": ("phase", phase_by_hand),
    "typed equations": ("phase", typed_by_hand),
    "trained classifier": ("classifier", trained("classifier")),
    "painted in training": ("classifier", painted_by_hand),
    "trained flow": ("flow", trained("flow")),
    "painted flow": ("flow", flow_by_hand),
    "latent": ("latent", latent_by_hand),
    "trained latent": ("latent", trained("latent")),
}


@pytest.mark.parametrize("case", list(CASES))
def test_a_script_leads_to_the_same_frames(qtbot: Any, tmp_path: Path, case: str) -> None:
    name, by_hand = CASES[case]
    script = tmp_path / "session.py"
    with opened(qtbot, tmp_path / "first", name) as window:
        wait_idle(qtbot, window)
        by_hand(qtbot, window)
        wait_idle(qtbot, window)
        window.workspace.save_script(script)
        panel = window.panels[name]
        frame, state, fraction = panel.frame, window.session.state(name), panel.playbar.fraction
    again, state_again, fraction_again = rebuilt(qtbot, tmp_path / "second", script, name)
    assert state_again == state, script.read_text()
    assert fraction_again == pytest.approx(fraction, abs=1e-12)
    same_frames(again, frame)


def test_a_script_needs_no_preset_of_the_users(qtbot: Any, tmp_path: Path) -> None:
    script = tmp_path / "session.py"
    with opened(qtbot, tmp_path / "first", "phase") as window:
        wait_idle(qtbot, window)
        phase_by_hand(qtbot, window)
        facade = window.facades["phase"]
        facade.save_preset("Mine")
        facade.preset("Mine")
        facade.n_steps = 41
        wait_idle(qtbot, window)
        saved = window.session.state("phase")
        assert saved.preset == "Mine"
        window.workspace.save(tmp_path / "session.nodeviz")
        facade.delete_preset("Mine")
        window.workspace.save_script(script)  # nor does it need it to be written
        frame = window.panels["phase"].frame
        facade.preset("spiral")
        window.workspace.open(tmp_path / "session.nodeviz")
        assert (window.session.state("phase").params, window.session.state("phase").preset) == (saved.params, "")
        facade.save_preset("Mine")
        window.workspace.open(tmp_path / "session.nodeviz")
        assert window.session.state("phase") == saved  # its name too, as long as there is one
    again, state, _ = rebuilt(qtbot, tmp_path / "second", script, "phase")
    assert (state.params, state.seed) == (saved.params, saved.seed)
    same_frames(again, frame)


def test_a_script_reads_like_what_was_done(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "classifier") as window:
        facade = window.facades["classifier"]
        facade.preset("moons")
        window.session.change("classifier", QUICK["classifier"])
        facade.reset(14)
        wait_idle(qtbot, window)
        facade.lr = 0.02
        facade.step(9)
        wait_idle(qtbot, window)
        facade.t = 0.5
        lines = script_of(document_of(window)).splitlines()
    assert [line for line in lines if line.startswith("classifier")][:10] == [
        "classifier = panels.classifier",
        "classifier.visible = True",
        "classifier.preset('moons')",
        "classifier.set(steps=60, hidden=12, n_points=200, weights='fresh')",
        "classifier.seed = 0",
        "classifier.reset(14)",
        "classifier.wait(timeout=None)",
        "classifier.lr = 0.02",
        "classifier.step(9)",
        "classifier.wait(timeout=None)",
    ]
    assert "classifier.t = 0.5" in lines


def test_a_panel_that_is_closed_is_opened_before_it_is_waited_for(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path / "first", "phase", "classifier") as window:
        window.session.load_preset("phase", "hopf")
        window.docks["classifier"].hide()
        lines = script_of(document_of(window))
    with opened(qtbot, tmp_path / "second", "phase", "classifier") as window:
        window.docks["phase"].hide()
        exec(lines, {})
        assert window.session.state("phase").preset == "hopf"
        assert window.facades["phase"].visible
        assert not window.facades["classifier"].visible
        wait_idle(qtbot, window)


def test_many_changes_on_the_way_are_one_line(qtbot: Any, tmp_path: Path) -> None:
    script = tmp_path / "session.py"
    with opened(qtbot, tmp_path / "first", "classifier") as window:
        facade, panel = window.facades["classifier"], window.panels["classifier"]
        window.session.change("classifier", QUICK["classifier"])
        facade.reset(30, changes={step: {"lr": 0.001 * step} for step in range(1, 20)})
        wait_idle(qtbot, window)
        window.workspace.save_script(script)
        frame, state = panel.frame, window.session.state("classifier")
    assert "changes={2: {'lr': 0.002}" in script.read_text()
    again, state_again, _ = rebuilt(qtbot, tmp_path / "second", script, "classifier")
    assert state_again == state
    same_frames(again, frame)


def test_from_any_preset_to_any_other_all_values_follow() -> None:
    for name, experiment in REGISTRY.items():
        all_params = [change(experiment.params(), preset.changes) for preset in presets(name).values()]
        for before in all_params:
            for after in all_params:
                made = before

                class Recorder:
                    def __setattr__(self, key: str, value: object) -> None:
                        self.set(**{key: value})

                    def set(self, **values: object) -> None:
                        nonlocal made
                        made = change(made, values)

                for line in lines_between(name, before, after):
                    exec(line, {name: Recorder()})
                assert made == after, (name, lines_between(name, before, after))


def test_a_function_of_the_console_is_a_remark(window: Any) -> None:
    window.facades["phase"].system = lambda _t, y: -y
    text = script_of(document_of(window))
    assert "# phase" in text
    compile(text, "session.py", "exec")
    assert python_line("phase", window.panels["phase"].params, {"n_steps": 15}) == "phase.n_steps = 15"


def test_the_menu_runs_a_script_in_the_console(qtbot: Any, tmp_path: Path, window: Any) -> None:
    script = tmp_path / "it's here.py"
    script.write_text("from nodeviz import panels\npanels.phase.n_steps = 33\n")
    window.workspace.run_script(script)
    qtbot.waitUntil(lambda: window.panels["phase"].params.n_steps == 33)
    assert not window.docks["console"].isHidden()
    with pytest.raises(ValueError, match="no such script"):
        window.workspace.run_script(tmp_path / "gone.py")
    qtbot.waitUntil(lambda: not window.console.running)


def test_the_command_line_runs_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--script", str(tmp_path / "gone.py")]) == 2
    assert "--script" in capsys.readouterr().err
    script = tmp_path / "session.py"
    done = tmp_path / "done"
    script.write_text(
        "from nodeviz import panels\nfrom PySide6.QtCore import QTimer\nfrom PySide6.QtWidgets import QApplication\n"
        "panels.phase.n_steps = 33\npanels.phase.wait()\n"
        f"open({str(done)!r}, 'w').write(str(panels.phase.n_steps))\n"
        "QTimer.singleShot(0, QApplication.instance().closeAllWindows)\n"
    )
    ran = subprocess.run([sys.executable, "-m", "nodeviz", "--script", str(script)], timeout=240, check=False)
    assert ran.returncode == 0
    assert done.read_text() == "33"
