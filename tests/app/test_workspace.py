"""Sessions of real windows: kept after each change, found again after a crash, opened, saved, dropped, and undone."""

from __future__ import annotations

import dataclasses
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QMessageBox

from nodeviz.app import autosave
from nodeviz.app.drops import panel_for
from nodeviz.app.layout import LayoutReset
from nodeviz.app.session_file import SessionError, load
from nodeviz.app.session_state import document_of, put_document
from nodeviz.experiments import classifier_measures
from nodeviz.experiments.params import ParamError

from .conftest import wait_idle
from .test_replaying import same_frames
from .windows import opened

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

LEFT = Qt.MouseButton.LeftButton
PATIENCE = 120.0  # s for a program to start, on a busy machine


@contextmanager
def running(folder: Path, steps: int, **options: Any) -> Generator[Any, None, None]:
    """Run the program of `workspace_app`; yields it with ``said(word)``, which waits for a line that begins so."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": os.pathsep.join(sys.path)}
    program = subprocess.Popen(
        [sys.executable, "-m", "app.workspace_app", str(folder), str(steps)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        cwd=Path(__file__).parent.parent, **options,
    )  # fmt: skip

    def said(word: str) -> str:
        assert program.stdout is not None
        for line in program.stdout:
            if line.startswith(word):
                return line.removeprefix(word).strip()
        pytest.fail(f"the program ended without {word!r}, code {program.wait()}")

    try:
        yield program, said
    finally:
        if program.poll() is None:
            program.kill()
        program.wait()
        program.stdin.close()
        program.stdout.close()


def close(program: Any) -> None:
    program.stdin.close()
    assert program.wait(PATIENCE) == 0


def test_a_change_survives_a_kill(tmp_path: Path) -> None:
    with running(tmp_path, 77) as (program, said):
        assert said("shows") == "15"
        said("saved")
        program.send_signal(signal.SIGKILL)
        assert program.wait(PATIENCE) == -signal.SIGKILL
    with running(tmp_path, 0) as (program, said):
        assert said("shows") == "77"
        assert "did not end by itself" in said("told")
        close(program)
    with running(tmp_path, 0) as (program, said):  # this time it did
        assert said("shows") == "77"
        assert said("told") == ""
        close(program)


def test_two_at_once_keep_their_own(tmp_path: Path) -> None:
    with running(tmp_path, 77) as (first, said_first):
        said_first("saved")
        with running(tmp_path, 33) as (second, said_second):
            assert said_second("shows") == "15"
            said_second("saved")
            close(second)
        close(first)
    phases = {path.name: load(path).panels["phase"].state.params.n_steps for path in sessions(tmp_path)}
    assert phases == {"last.nodeviz": 77, "last-2.nodeviz": 33}
    with running(tmp_path, 0) as (program, said):
        assert said("shows") == "77"
        close(program)


def sessions(folder: Path) -> Iterator[Path]:
    return (path for path in (folder / "sessions").glob("last*.nodeviz") if "before" not in path.name)


def test_the_second_of_two_says_so(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "phase"), opened(qtbot, tmp_path, "phase") as second:
        assert "Another nodeviz is open" in second.statusBar().currentMessage()
        assert "last-2.nodeviz" in second.statusBar().currentMessage()


def test_a_full_disk_is_told_once_and_the_window_works_on(
    qtbot: Any, tmp_path: Path, window: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del tmp_path
    monkeypatch.setattr(autosave, "DELAY", 1)
    own, told = window.workspace.autosave, []
    own.failed.connect(told.append)
    qtbot.waitUntil(lambda: own.slot.path.exists())
    qtbot.waitUntil(lambda: not own._timer.isActive() and own._writing.done())
    before = own.slot.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))  # Python ignores the signal and gets an error
    try:
        window.facades["phase"].n_steps = 30
        qtbot.waitUntil(lambda: bool(told))
        window.facades["phase"].n_steps = 31
        qtbot.waitUntil(lambda: not own._timer.isActive() and own._writing.done())
        qtbot.wait(50)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(told) == 1
    assert "cannot be kept" in told[0]
    assert window.facades["phase"].n_steps == 31
    assert own.slot.path.read_bytes() == before
    assert not list(own.slot.path.parent.glob("*.tmp"))
    window.facades["phase"].n_steps = 32
    qtbot.waitUntil(lambda: load(own.slot.path).panels["phase"].state.params.n_steps == 32)


def test_all_is_there_again_at_the_next_start(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "phase", "flow") as window:
        window.session.load_preset("phase", "van-der-pol")
        window.session.change("phase", {"parameters": {"mu": 2.0}})
        phase, flow = window.facades["phase"], window.facades["flow"]
        phase.t, phase.speed, phase.loop, phase.folded = 4.0, 2.0, True, True
        flow.visible = False
        place, playbar = phase.t, window.panels["phase"].playbar.fraction
    with opened(qtbot, tmp_path, "phase", "flow") as window:
        phase = window.facades["phase"]
        assert (phase.parameters["mu"], phase.speed, phase.loop, phase.folded) == (2.0, 2.0, True, True)
        assert (phase.t, window.panels["phase"].playbar.fraction) == (place, playbar)
        assert window.session.state("phase").preset == "van-der-pol"
        assert not window.facades["flow"].visible
        assert not window.session.undo_stack.canUndo()
        assert window.statusBar().currentMessage() == ""
        wait_idle(qtbot, window)


def test_a_session_that_does_harm_is_restored_once(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "phase") as window:
        window.facades["phase"].n_steps = 77
    guard = tmp_path / "sessions" / "last.restoring"
    guard.touch()  # what a start leaves that ended while it restored
    with opened(qtbot, tmp_path, "phase") as window:
        assert window.facades["phase"].n_steps == 15
        assert "Restore last session" in window.statusBar().currentMessage()
        assert not guard.exists()
        window.commands.run("restore_session")
        assert window.facades["phase"].n_steps == 77


def test_what_was_restored_must_last_before_it_counts_as_harmless(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "SETTLED", 1_000_000)
    with opened(qtbot, tmp_path, "phase") as window:
        window.facades["phase"].n_steps = 77
    guard = tmp_path / "sessions" / "last.restoring"
    assert not guard.exists()  # the window ended by itself
    with opened(qtbot, tmp_path, "phase") as window:
        own = window.workspace.autosave
        with qtbot.waitSignal(own._written):
            window.facades["phase"].n_steps = 78
        QApplication.processEvents()
        assert guard.exists()  # a crash from now on is noted, though the session was written meanwhile
        own._settled.timeout.emit()
        assert not guard.exists()


def test_a_damaged_session_is_kept_aside_and_told(qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / "last.nodeviz").write_bytes(b"cut")
    with opened(qtbot, tmp_path, "phase") as window:
        assert "The last session is not restored" in window.statusBar().currentMessage()
        wait_idle(qtbot, window)
        assert (tmp_path / "sessions" / "last-kept.nodeviz").read_bytes() == b"cut"


def test_a_folder_that_cannot_be_written_keeps_nothing_and_works(qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with opened(qtbot, tmp_path / "file" / "nodeviz", "phase") as window:
        window.facades["phase"].n_steps = 30
        window.workspace.save(tmp_path / "mine.nodeviz")
        assert window.workspace.slot.path is None
        with pytest.raises(SessionError, match="no session of the last time"):
            window.workspace.restore_last()


def test_opening_is_one_step_of_undo_and_one_line(qtbot: Any, tmp_path: Path, window: Any) -> None:
    own, path = window.workspace, tmp_path / "mine"
    window.session.load_preset("phase", "hopf")
    said: list[str] = []
    echo = window.console.echo
    window.console.echo = lambda line: (said.append(line), echo(line))
    own.save(path)
    path = path.with_name("mine.nodeviz")
    assert own.path == path
    window.session.load_preset("phase", "saddle")
    theme = window.theme_name
    window.toggle_theme()
    count = window.session.undo_stack.count()
    said.clear()
    own.open(path)
    assert said == [f"session.open({str(path)!r})"]
    assert window.session.state("phase").preset == "hopf"
    assert window.theme_name == theme
    assert window.session.undo_stack.count() == count + 1
    assert window.session.undo_stack.undoText() == "open mine"
    assert "mine" in window.windowTitle()
    window.commands.run("undo")
    assert window.session.state("phase").preset == "saddle"
    window.session.load_preset("phase", "hopf")
    own.save()
    exec(said[0], {"session": window.console._namespace["session"]})
    assert window.settings.sessions == (str(path),)
    wait_idle(qtbot, window)


def test_a_file_that_is_no_session_changes_nothing(tmp_path: Path, window: Any) -> None:
    (tmp_path / "a.nodeviz").write_bytes(b"PK no")
    before, count = window.session.state("phase"), window.session.undo_stack.count()
    with pytest.raises(SessionError):
        window.workspace.open(tmp_path / "a.nodeviz")
    window.workspace.attempt(lambda: window.workspace.open(tmp_path / "gone.nodeviz"))
    assert "gone.nodeviz" in window.statusBar().currentMessage()
    assert window.session.state("phase") is before
    assert window.session.undo_stack.count() == count
    assert window.settings.sessions == ()


@pytest.mark.parametrize(("command", "ending"), [("save_session_as", ".nodeviz"), ("save_script", ".py")])
def test_a_file_that_the_dialog_did_not_ask_about_is_asked_about(
    tmp_path: Path, window: Any, monkeypatch: pytest.MonkeyPatch, command: str, ending: str
) -> None:
    def picked(name: str) -> list[QMessageBox]:
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / name), ""))
        window.commands.run(command)
        return [box for box in window.findChildren(QMessageBox) if box.isVisible()]

    there = tmp_path / f"mine{ending}"
    there.write_bytes(b"precious")
    for button, kept in (("Cancel", True), ("Replace", False)):
        (box,) = picked("mine")  # its ending comes only after the file dialog looked
        assert there.name in box.text()
        assert there.read_bytes() == b"precious"
        QTest.mouseClick(next(each for each in box.buttons() if each.text().strip("&") == button), LEFT)
        assert (there.read_bytes() == b"precious") is kept
    assert not picked(there.name)  # the file dialog asked about this one
    assert not picked("new")
    assert (tmp_path / f"new{ending}").is_file()


def test_recent_sessions_are_offered(tmp_path: Path, window: Any) -> None:
    for name in ("a", "b"):
        window.workspace.save(tmp_path / name)
    menu = next(menu for menu in window.findChildren(QMenu) if menu.objectName() == "Recent sessions")
    menu.aboutToShow.emit()
    assert [action.text().split()[0] for action in menu.actions()] == ["b", "a"]
    window.session.load_preset("phase", "hopf")
    menu.actions()[1].trigger()
    assert window.session.state("phase").preset == "spiral"
    assert window.settings.sessions == (str(tmp_path / "a.nodeviz"), str(tmp_path / "b.nodeviz"))


def test_resetting_the_layout_is_undone(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "phase", "classifier") as window:
        window.docks["classifier"].hide()
        window.panels["phase"].fold(on=True)
        window.commands.run("reset_layout")
        assert not window.docks["classifier"].isHidden()
        assert window.session.undo_stack.undoText() == "reset layout"
        window.commands.run("undo")
        assert window.docks["classifier"].isHidden()
        assert window.panels["phase"].column.isHidden()
        window.commands.run("redo")
        assert not window.docks["classifier"].isHidden()
        count = sys.getrefcount(window)
        step = LayoutReset(window)  # the window owns these steps: one that kept it would keep both
        assert sys.getrefcount(window) == count
        del step


def test_a_trained_run_is_there_again(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier_measures, "FRESH", classifier_measures.PIECE)
    with opened(qtbot, tmp_path, "classifier") as window:
        panel, facade = window.panels["classifier"], window.facades["classifier"]
        window.session.change("classifier", {"weights": "fresh", "n_points": 200, "steps": 60, "hidden": 12})
        facade.reset(11)
        wait_idle(qtbot, window)
        facade.lr = 0.02
        facade.step(6)
        wait_idle(qtbot, window)
        facade.look((-1, 1), (-2, 2))
        panel.turn(panel.params.models[-1], 20, 10)
        frame = panel.frame
        axes = {name: camera.axes for name, camera in panel.view.turned_cameras.items()}
    with opened(qtbot, tmp_path, "classifier") as window:
        panel = window.panels["classifier"]
        assert panel.runbar.train.text() == "Train" or panel.running
        wait_idle(qtbot, window)
        assert panel.frame.step == 17
        same_frames(panel.frame, frame)
        assert panel.view.held
        for name, camera in panel.view.turned_cameras.items():
            np.testing.assert_array_equal(camera.axes, axes[name])
        assert panel.view.turned_cameras.keys() == axes.keys()


def test_a_session_opened_over_a_run_that_was_trained_meanwhile_begins_anew(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier_measures, "FRESH", classifier_measures.PIECE)
    with opened(qtbot, tmp_path, "classifier", preset="circles") as window:
        wait_idle(qtbot, window)
        window.workspace.save(tmp_path / "mine")
        window.facades["classifier"].step(3)
        wait_idle(qtbot, window)
        window.workspace.open(tmp_path / "mine.nodeviz")
        wait_idle(qtbot, window)
        assert window.panels["classifier"].frame.step == 0


def test_a_session_of_a_run_that_goes_on_leads_to_where_it_was(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier_measures, "FRESH", classifier_measures.PIECE)
    with opened(qtbot, tmp_path, "classifier") as window:
        panel, facade, path = window.panels["classifier"], window.facades["classifier"], tmp_path / "mine.nodeviz"
        window.session.change("classifier", {"weights": "fresh", "n_points": 200, "steps": 5000, "hidden": 12})
        qtbot.waitUntil(lambda: panel.frame is not None and panel.frame.steps == 5000 and panel.frame.step > 10)
        facade.lr = 0.02  # while it trains
        before = panel.frame.step
        qtbot.waitUntil(lambda: panel.frame.step > before + 10)
        window.workspace.save(path)
        facade.stop()
        wait_idle(qtbot, window)
        replay = load(path).panels["classifier"].replay
        assert replay.steps > 20
        ((changed, _),) = replay.changes
        assert 10 < changed < replay.steps
        window.workspace.open(path)
        assert panel.running
        wait_idle(qtbot, window)
        frame = panel.frame
        assert (frame.step, frame.steps) == (replay.steps, 5000)
        facade.lr = 1e-3
        facade.reset(changed)
        wait_idle(qtbot, window)
        facade.lr = 0.02
        facade.step(replay.steps - changed)
        wait_idle(qtbot, window)
        same_frames(panel.frame, frame)


def test_views_edited_by_hand_are_sentences(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier_measures, "FRESH", classifier_measures.PIECE)
    with opened(qtbot, tmp_path, "classifier", preset="circles") as window:
        wait_idle(qtbot, window)
        document = document_of(window)
        record = document.panels["classifier"]
        for verb, arguments in (
            ("look", ()), ("look", ("a", None)), ("look", ((0, 0), (1, 1))), ("inspect", ((10**400, 0),)),
            ("inspect", ([],)), ("orient", ({}, [])), ("orient", ("node", [[1.0]])), ("backwards", (True,)),
        ):  # fmt: skip
            wrong = dataclasses.replace(record, views=((verb, arguments),))
            said = put_document(window, dataclasses.replace(document, panels={"classifier": wrong}), "open it")
            assert len(said) == 1, (verb, arguments)
            assert f"Not restored: {verb}" in window.panels["classifier"].message.text.text()
        wait_idle(qtbot, window)


def drop(window: Any, path: Path) -> bool:
    """Drop a file in the middle of a window, as the desktop would; return whether the window takes it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place = window.rect().center()
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, Qt.DropAction.CopyAction, data, left, none)
    enter.ignore()
    QApplication.sendEvent(window, enter)
    if enter.isAccepted():
        QApplication.sendEvent(window, QDropEvent(QPointF(place), Qt.DropAction.CopyAction, data, left, none))
    return enter.isAccepted()


def test_sessions_and_tables_are_dropped_on_the_window(qtbot: Any, tmp_path: Path, window: Any) -> None:
    window.workspace.save(tmp_path / "mine")
    window.session.load_preset("phase", "hopf")
    assert drop(window, tmp_path / "mine.nodeviz")
    assert window.session.state("phase").preset == "spiral"
    (tmp_path / "starts.csv").write_text("x,y\n1,2\n0.5,0.25\n")
    assert drop(window, tmp_path / "starts.csv")
    assert window.panels["phase"].params.start == ((1.0, 2.0), (0.5, 0.25))
    (tmp_path / "what.doc").write_text("?")
    assert drop(window, tmp_path / "what.doc")
    assert "neither a session, a table nor a picture" in window.statusBar().currentMessage()
    wait_idle(qtbot, window)


@pytest.mark.parametrize(
    ("name", "text", "panel"),
    [
        ("a.csv", "x,y,label\n1,2,a\n", "classifier"),
        ("a.csv", "1;2;0\n", "classifier"),
        ("a.csv", "x\ty\n1\t2\n", "flow"),
        ("a.csv", "\ufefft,y\n1,2\n", "latent"),
        ("a.csv", '# a remark\n"Date";"level"\n2001-01-01;2\n', "latent"),
        ("a.txt", "1 2\n", "flow"),
        ("a.PNG", "", "flow"),
    ],
)
def test_a_file_goes_to_the_panel_it_looks_like(tmp_path: Path, name: str, text: str, panel: str) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    assert panel_for(str(path), ["phase", "classifier", "flow", "latent"]) == panel


def test_a_file_that_no_panel_takes_says_so(tmp_path: Path) -> None:
    for name in ("gone.csv", "weights.npz", "nothing"):
        with pytest.raises(ParamError) as caught:
            panel_for(str(tmp_path / name), ["phase", "classifier", "flow", "latent"])
        assert "\n" not in str(caught.value)
    (tmp_path / "a.csv").write_text("t,y\n1,2\n")
    with pytest.raises(ParamError, match="open the latent panel"):
        panel_for(str(tmp_path / "a.csv"), ["phase"])
