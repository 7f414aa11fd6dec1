"""The export dialog as a person uses it: keys and clicks, what is drawn and said, and what is on disk afterwards."""

from __future__ import annotations

import ast
import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from tqdm import tqdm

from nodeviz.app.export_dialog import ExportDialog, first_draft
from nodeviz.app.export_draft import ALL_PANELS
from nodeviz.app.export_estimate import about_size, about_time
from nodeviz.app.export_job import Exports, again, subject_of
from nodeviz.app.export_start import start_export
from nodeviz.app.export_text import command_text, python_text
from nodeviz.app.settings import SettingsStore
from nodeviz.cli import main, parser
from nodeviz.cli_runs import repeated
from nodeviz.experiments.base import flatten
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.shoot import Shoot
from nodeviz.media.video import VideoEncoder
from nodeviz.media.writer import Writer

from .conftest import wait_idle
from .windows import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytestqt.qtbot import QtBot

    from nodeviz.app.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "exports"
    made.mkdir()
    return made


@pytest.fixture
def lines(window: Any) -> list[str]:
    said: list[str] = []
    echo = window.console.echo
    window.console.echo = lambda line: (said.append(line), echo(line))
    return said


@pytest.fixture
def dialog(window: MainWindow, folder: Path) -> Generator[ExportDialog, None, None]:
    """The dialog of the phase panel, about to write a small GIF of eight pictures."""
    made = open_dialog(window)
    enter(made, "out", str(folder / "a.gif"))
    enter(made, "size", "96x64")
    enter(made, "fps", "8")
    enter(made, "seconds", "1")
    yield made
    if made in window.findChildren(ExportDialog):
        made.close()


def open_dialog(window: Any, panel: str = "phase") -> ExportDialog:
    plot = window.panels[panel].plots[0]
    window.activateWindow()
    QTest.qWait(1)
    plot.setFocus()
    QTest.keyClick(plot, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    (found,) = [each for each in window.findChildren(ExportDialog) if each.isVisible()]
    return found


def enter(dialog: ExportDialog, name: str, text: str) -> None:
    entry: Any = dialog.form.size_entry if name == "size" else dialog.form.controls[name]
    entry.setFocus()
    entry.selectAll()
    QTest.keyClicks(entry, text)
    QTest.keyClick(entry, Qt.Key.Key_Return)


def choose(dialog: ExportDialog, name: str, value: object) -> None:
    choices: Any = dialog.form.sizes if name == "sizes" else dialog.form.controls[name]
    places = [choices.itemData(i) for i in range(choices.count())]
    while choices.currentData() != value:
        down = places.index(value) > choices.currentIndex()
        QTest.keyClick(choices, Qt.Key.Key_Down if down else Qt.Key.Key_Up)


def wrong(dialog: ExportDialog, name: str) -> str:
    """What is said below an option, and seen."""
    label: QLabel = dialog.form._wrong[name]
    assert label.isVisible() == bool(label.text())
    return label.text()


def press(button: QWidget) -> None:
    QTest.mouseClick(button, LEFT)


def wait_drawn(qtbot: QtBot, dialog: ExportDialog) -> None:
    qtbot.waitUntil(lambda: not dialog.preview.busy)


def export(qtbot: QtBot, window: Any, dialog: ExportDialog) -> str:
    """Press the button and wait for the end; return what is said then."""
    press(dialog.go)
    return end_of(qtbot, window)


def end_of(qtbot: QtBot, window: Any) -> str:
    (job,) = Exports.of(window.session).running
    with qtbot.waitSignal(job.ended, timeout=60_000) as ended:
        pass
    return str(ended.args[0])


def test_ctrl_e_opens_one_dialog_that_draws_what_will_be(window: Any, qtbot: QtBot, lines: list[str]) -> None:
    dialog = open_dialog(window)
    assert lines == ["commands.export_phase()"]
    wait_drawn(qtbot, dialog)
    images = [thumb.image for thumb in dialog.thumbs]
    assert all(not image.isNull() for image in images)
    assert images[0] != images[1] != images[2]
    assert images[0].size() == QSize(960, 540)
    assert dialog.words.text().startswith("240 pictures, about ")
    assert "kB" in dialog.words.text() or "MB" in dialog.words.text()
    window.commands.run("export_phase")
    assert window.findChildren(ExportDialog) == [dialog]
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_only_what_matters_for_the_format_can_be_changed(dialog: ExportDialog, folder: Path) -> None:
    def able(*names: str) -> list[bool]:
        return [dialog.form.controls[name].isEnabled() for name in names]

    names = ("seconds", "loop", "at", "transparent", "quality", "codec")
    assert able(*names) == [True, True, False, True, False, False]
    choose(dialog, "format", ".mp4")
    assert dialog.draft.path == str(folder / "a.mp4")
    assert able(*names) == [True, False, False, False, True, True]
    choose(dialog, "format", ".png")
    assert able(*names) == [False, False, True, True, False, False]
    assert [thumb.isVisible() for thumb in dialog.thumbs] == [True, False, False]
    choose(dialog, "format", "folder")
    assert dialog.draft.path == str(folder / "a/") + "/"
    assert able(*names) == [True, False, False, True, False, False]
    enter(dialog, "out", str(folder / "b.webm"))
    assert dialog.form.controls["format"].currentData() == ".webm"  # type: ignore[attr-defined]
    choose(dialog, "part", 2)
    assert able("title", "caption") == [False, False]


def test_a_small_gif_is_written_remembered_and_written_again_by_its_line(
    window: Any, qtbot: QtBot, dialog: ExportDialog, folder: Path, lines: list[str]
) -> None:
    assert "Exported a.gif" in export(qtbot, window, dialog)
    first = (folder / "a.gif").read_bytes()
    with Image.open(folder / "a.gif") as image:
        assert image.size == (96, 64)
        assert sum(_durations(image)) == 1000
    (line,) = [line for line in lines if ".export(" in line]
    eval(line, {"phase": window.facades["phase"]})
    end_of(qtbot, window)
    assert (folder / "a.gif").read_bytes() == first
    kept, complaint = SettingsStore(window.store.path.parent).load()
    assert not complaint
    assert [entry["path"] for entry in kept.exports] == [str(folder / "a.gif")]
    dialog.close()
    reopened = open_dialog(window)
    assert reopened.draft.shoot.size == (96, 64)
    menu = reopened.form.recent.menu()
    menu.aboutToShow.emit()
    menu.actions()[0].trigger()
    assert reopened.draft.path == str(folder / "a.gif")
    reopened.close()
    menu = window.commands.action("recent_export").menu()
    menu.aboutToShow.emit()
    menu.actions()[0].trigger()
    assert lines[-1] == "commands.export_phase()"
    (third,) = [each for each in window.findChildren(ExportDialog) if each.isVisible()]
    assert third.draft.path == str(folder / "a.gif")


def _durations(image: Any) -> list[int]:
    found = []
    for number in range(image.n_frames):
        image.seek(number)
        found.append(image.info["duration"])
    return found


def test_an_existing_file_is_asked_about_once(window: Any, qtbot: QtBot, dialog: ExportDialog, folder: Path) -> None:
    (folder / "a.gif").write_text("dear to somebody")
    press(dialog.go)
    assert dialog.question.isVisible()
    assert "a.gif is there already" in dialog.question.text.text()
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert not dialog.question.isVisible()
    assert dialog.isVisible()
    assert (folder / "a.gif").read_text() == "dear to somebody"
    QTest.keyClick(dialog, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(dialog.question.yes, Qt.Key.Key_Return)
    assert "Exported a.gif" in end_of(qtbot, window)
    with Image.open(folder / "a.gif") as image:
        assert image.size == (96, 64)


def test_cancel_in_the_middle_leaves_nothing(
    qtbot: QtBot, dialog: ExportDialog, folder: Path, lines: list[str]
) -> None:
    choose(dialog, "format", ".mp4")
    enter(dialog, "seconds", "600")
    press(dialog.go)
    (row,) = dialog.jobs.rows
    qtbot.waitUntil(lambda: row.job is not None and row.job.done > 5 and "left" in row.words.text())
    press(row.button)
    assert "cancelled" in row.words.text()
    assert lines[-1] == f"phase.cancel_export({str(folder / 'a.mp4')!r})"
    assert not list(folder.iterdir())
    press(row.button)
    assert dialog.jobs.rows == []


def test_an_export_ends_whatever_its_taking_away_raises(
    window: Any, qtbot: QtBot, dialog: ExportDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(dialog.go)
    exports = Exports.of(window.session)
    (job,) = exports.running
    qtbot.waitUntil(lambda: job.done > 1)
    discard = Writer.discard

    def held(writer: Writer) -> None:
        discard(writer)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Writer, "discard", held)
    with pytest.raises(PermissionError):
        job.cancel()
    assert (job.ending, exports.running, exports.jobs) == ("cancelled", [], [])


def test_two_exports_go_on_at_once_and_outlive_the_dialog(
    window: Any, qtbot: QtBot, dialog: ExportDialog, folder: Path
) -> None:
    press(dialog.go)
    assert len(Exports.of(window.session).running) == 1
    press(dialog.go)
    assert "another export writes it" in wrong(dialog, "out")
    enter(dialog, "out", str(folder / "b.gif"))
    press(dialog.go)
    assert len(Exports.of(window.session).running) == 2
    dialog.close()
    qtbot.waitUntil(lambda: not Exports.of(window.session).running)
    assert sorted(path.name for path in folder.iterdir()) == ["a.gif", "b.gif"]


def test_the_file_of_an_own_preset_has_a_name_that_every_disk_takes(window: Any) -> None:
    session = window.session
    state = session.state("phase")
    session.put_state("phase", dataclasses.replace(state, preset="../a/b: 50 %?"))
    target = Path(first_draft(window, window.panels["phase"]).target)
    assert target.name == "a-b-50.mp4"
    assert target.parent == Path.home()


def test_a_file_that_an_export_writes_is_known_by_each_of_its_names(
    window: Any, dialog: ExportDialog, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(dialog.go)
    (folder.parent / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    exports = Exports.of(window.session)
    for name in (folder / "a.gif", folder / ".." / folder.name / "a.gif", folder.parent / "link" / "a.gif", "a.gif"):
        assert exports.writes(name), name
        assert "another export writes it" in export_refused(window, str(name))
    assert not exports.writes("b.gif")
    exports.running[0].cancel()


def export_refused(window: Any, path: str) -> str:
    """Start an export of the phase panel that cannot be; return why."""
    said: list[str] = []
    assert start_export(window, window.panels["phase"], path, complain=said.append) is None
    return said[0]


def test_the_copied_command_makes_the_same_file(
    window: Any,
    qtbot: QtBot,
    dialog: ExportDialog,
    folder: Path,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tqdm, "monitor_interval", 0)  # it keeps a thread otherwise
    window.facades["phase"].set(n_steps=9, start="1,0.5; -1,0")
    wait_idle(qtbot, window)
    export(qtbot, window, dialog)
    made = (folder / "a.gif").read_bytes()
    (folder / "a.gif").unlink()
    press(dialog.copy_command)
    command = shlex.split(QGuiApplication.clipboard().text())
    assert command[:3] == ["nodeviz", "export", "phase"]
    assert parser().parse_args(command[1:]).out == str(folder / "a.gif")
    assert lines[-1].startswith("# copied: nodeviz export phase ")
    assert main(command[1:]) == 0
    assert (folder / "a.gif").read_bytes() == made
    press(dialog.copy_python)
    call = ast.parse(QGuiApplication.clipboard().text()).body[1].value  # type: ignore[attr-defined]
    assert [ast.literal_eval(argument) for argument in call.args] == ["phase", str(folder / "a.gif")]
    (folder / "a.gif").unlink()
    exec(QGuiApplication.clipboard().text(), {})
    assert (folder / "a.gif").read_bytes() == made


def test_a_function_stands_in_no_command(window: Any, qtbot: QtBot, dialog: ExportDialog) -> None:
    window.facades["phase"].system = lambda _t, y: -y
    wait_idle(qtbot, window)
    QGuiApplication.clipboard().setText("before")
    press(dialog.copy_command)
    assert "stands in no command" in dialog.words.text()
    assert QGuiApplication.clipboard().text() == "before"


def test_very_many_pictures_are_asked_about_and_not_refused(
    window: Any, qtbot: QtBot, dialog: ExportDialog, folder: Path
) -> None:
    enter(dialog, "fps", "50")
    enter(dialog, "seconds", "20000")
    wait_drawn(qtbot, dialog)
    press(dialog.go)
    assert dialog.question.isVisible()
    words = dialog.question.text.text()
    assert words.startswith("1,000,000 pictures take about ")
    assert "MB" in words or "GB" in words
    assert not Exports.of(window.session).running
    press(dialog.question.no)
    assert dialog.go.isEnabled()
    press(dialog.go)
    press(dialog.question.yes)
    (job,) = Exports.of(window.session).running
    job.cancel()
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("name", "text", "words", "good"),
    [
        ("fps", "abc", "not a number", "8"),
        ("fps", "0", "use 1 to 50", "8"),
        ("fps", "60", "use 1 to 50", "8"),
        ("size", "96 by 64", "use WIDTHxHEIGHT", "96x64"),
        ("size", "10x10", "use 64 to 8192", "96x64"),
        ("seconds", "-1", "use up to 36000", "1"),
        ("out", "/nowhere/a.gif", "there is no folder", "{folder}/a.gif"),
        ("out", "{folder}/a.avi", ".avi is not a format", "{folder}/a.gif"),
    ],
)
def test_what_cannot_be_is_said_below_its_control_and_what_was_good_stays(
    qtbot: QtBot, dialog: ExportDialog, folder: Path, name: str, text: str, words: str, good: str
) -> None:
    wait_drawn(qtbot, dialog)
    image = dialog.thumbs[2].image
    enter(dialog, name, text.format(folder=folder))
    assert words in wrong(dialog, name)
    assert not dialog.go.isEnabled()
    assert dialog.thumbs[2].image == image
    enter(dialog, name, good.format(folder=folder))
    assert wrong(dialog, name) == ""
    assert dialog.go.isEnabled()


def test_escape_takes_a_refused_entry_back(dialog: ExportDialog) -> None:
    enter(dialog, "fps", "abc")
    assert wrong(dialog, "fps")
    QTest.keyClick(dialog.form.controls["fps"], Qt.Key.Key_Escape)
    assert wrong(dialog, "fps") == ""
    assert dialog.form.controls["fps"].text() == "8"  # type: ignore[attr-defined]
    assert dialog.isVisible()


def test_an_odd_size_is_good_for_a_gif_and_not_for_a_video(dialog: ExportDialog) -> None:
    enter(dialog, "size", "97x65")
    assert wrong(dialog, "size") == ""
    choose(dialog, "format", ".mp4")
    assert "use 98x66" in wrong(dialog, "size")


def test_a_time_outside_the_span_is_said(qtbot: QtBot, dialog: ExportDialog) -> None:
    choose(dialog, "format", ".png")
    enter(dialog, "at", "99")
    qtbot.waitUntil(lambda: "outside the span" in wrong(dialog, "at"))
    enter(dialog, "at", "2")
    wait_drawn(qtbot, dialog)
    assert wrong(dialog, "at") == ""
    assert dialog.words.text().startswith("1 picture, ")


def test_an_encoder_that_dies_in_the_middle_is_said_and_leaves_nothing(
    window: Any, qtbot: QtBot, dialog: ExportDialog, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(dialog, "format", ".mp4")
    wait_drawn(qtbot, dialog)
    add, count = VideoEncoder.add, []

    def dies(self: VideoEncoder, picture: Any) -> None:
        count.append(1)
        if len(count) > 3:
            raise RuntimeError("out of luck")
        add(self, picture)

    monkeypatch.setattr(VideoEncoder, "add", dies)
    assert "its encoder failed (RuntimeError: out of luck)" in export(qtbot, window, dialog)
    assert "out of luck" in dialog.jobs.rows[0].words.text()
    assert not list(folder.iterdir())
    assert window.settings.exports == ()


def test_a_folder_that_goes_away_in_the_middle_is_said(
    window: Any, qtbot: QtBot, dialog: ExportDialog, folder: Path
) -> None:
    enter(dialog, "seconds", "20")
    press(dialog.go)
    (job,) = Exports.of(window.session).running
    qtbot.waitUntil(lambda: job.done > 3)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert "a.gif" in end_of(qtbot, window)
    assert job.ending == "failed"


def test_closing_the_window_in_the_middle_leaves_nothing(
    window: Any, qtbot: QtBot, dialog: ExportDialog, folder: Path
) -> None:
    choose(dialog, "format", ".webm")
    enter(dialog, "seconds", "600")
    press(dialog.go)
    (job,) = Exports.of(window.session).running
    qtbot.waitUntil(lambda: job.done > 2)
    window.close()
    assert job.ending == "cancelled"
    assert not list(folder.iterdir())


def test_every_control_has_a_name_and_the_keyboard_reaches_it(dialog: ExportDialog) -> None:
    wanted = [
        widget
        for widget in dialog.findChildren(QWidget)
        if widget.isVisible() and widget.isEnabled() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    assert [widget for widget in wanted if not widget.accessibleName()] == []
    dialog.form.first_control().setFocus()
    reached = []
    for _ in range(len(wanted) + 5):
        focus = QApplication.focusWidget()
        reached.append(focus)
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    assert set(wanted) <= set(reached)
    assert reached.index(dialog.form.controls["out"]) < reached.index(dialog.form.controls["fps"])
    assert reached.index(dialog.form.controls["fps"]) < reached.index(dialog.go)


def test_at_twice_the_scale_it_fits_a_small_screen(qtbot: QtBot, dialog: ExportDialog, folder: Path) -> None:
    (folder / "a.gif").write_text("dear to somebody")
    enter(dialog, "fps", "abc")
    enter(dialog, "fps", "8")
    press(dialog.go)
    dialog.resize(620, 340)  # what is left of 1280 x 720 at 200 %
    qtbot.wait(50)
    assert dialog.question.isVisible()
    assert dialog.width() <= 640
    assert dialog.height() <= 360
    assert dialog.rect().contains(dialog.go.geometry())
    dialog.question.drop()


def test_the_words_of_an_estimate_are_no_more_exact_than_it_is() -> None:
    assert about_time(0.2) == "about 1 s"
    assert about_time(12.34) == "about 12 s"
    assert about_time(200.0) == "about 3.3 min"
    assert about_time(7.2 * 3600) == "about 7.2 h"
    assert about_size(1_240_000) == "about 1.2 MB"
    assert about_size(312_345) == "about 310 kB"
    assert about_size(41.4e9) == "about 41 GB"


def test_the_estimate_is_near_what_is_written(window: Any, qtbot: QtBot, dialog: ExportDialog, folder: Path) -> None:
    enter(dialog, "size", "320x180")
    enter(dialog, "seconds", "3")
    wait_drawn(qtbot, dialog)
    estimate = dialog._estimate
    assert estimate is not None
    export(qtbot, window, dialog)
    size = (folder / "a.gif").stat().st_size
    assert 0.4 < estimate.bytes / size < 2.5
    assert estimate.pictures == 24


def test_all_panels_on_show_stand_in_one_picture(qtbot: Any, tmp_path: Path, folder: Path) -> None:
    with opened(qtbot, tmp_path / "settings", "phase", "classifier") as window:
        wait_idle(qtbot, window)
        dialog = open_dialog(window)
        enter(dialog, "out", str(folder / "a.png"))
        enter(dialog, "size", "320x180")
        choose(dialog, "part", 0)
        wait_drawn(qtbot, dialog)
        alone = dialog.thumbs[0].image
        choose(dialog, "part", ALL_PANELS)
        wait_drawn(qtbot, dialog)
        assert dialog.thumbs[0].image != alone
        assert not dialog.form.controls["at"].isEnabled()
        export(qtbot, window, dialog)
        with Image.open(folder / "a.png") as image:
            assert image.size == (320, 180)
        press(dialog.copy_command)
        assert "copy one panel at a time" in dialog.words.text()
        window.docks["classifier"].close()
        assert [panel.experiment for panel in Exports.of(window.session).panels] == ["phase"]


@pytest.fixture
def learner(qtbot: Any, tmp_path: Path) -> Generator[Any, None, None]:
    """A window with a small classifier that learns from fresh weights."""
    with opened(qtbot, tmp_path / "settings", "classifier") as made:
        made.facades["classifier"].set(
            models="node", steps=60, n_points=100, batch=16, weights="fresh", show_regions=False
        )
        yield made


def test_a_film_of_the_training_repeats_the_run_with_its_live_changes(
    learner: Any, qtbot: QtBot, folder: Path, each_field: Callable[[Any, Any], None]
) -> None:
    panel, facade = learner.panels["classifier"], learner.facades["classifier"]
    facade.reset(20)
    qtbot.waitUntil(lambda: not panel.busy)
    facade.lr = 0.05
    facade.train()
    wait_idle(qtbot, learner)
    run = again(panel)
    last = [frame for frame in run.updates() if frame is not None][-1]
    assert last.step == panel.frame.step == 60  # type: ignore[attr-defined]
    each_field(last, panel.frame)
    job = facade.export(str(folder / "a.gif"), over="training", size=(96, 64), fps=5, seconds=1)
    with qtbot.waitSignal(job.ended, timeout=60_000):
        pass
    assert job.ending == "done", job.sentence
    with Image.open(folder / "a.gif") as image:
        assert image.n_frames > 1  # type: ignore[attr-defined]
    # So does the note of the file; a command or a line of Python has no words for it, and is not made.
    told = repeated(folder / "a.gif", None, {})
    assert told.params == run.params
    repeat: Any = [frame for frame in told.updates() if frame is not None][-1]
    assert repeat.step == 60
    each_field(repeat, last)
    for text in (command_text, python_text):
        with pytest.raises(ParamError, match="changed while it went on"):
            text([subject_of(panel)], "a.gif", Shoot(over="training"))


@pytest.mark.parametrize("wait", [0, 5, 60, 300])
def test_an_export_is_cancelled_at_any_stage_of_a_training(learner: Any, qtbot: QtBot, folder: Path, wait: int) -> None:
    panel = learner.panels["classifier"]
    qtbot.waitUntil(lambda: panel.frame is not None)
    job = learner.facades["classifier"].export(f"{folder}/a/", over="training", size=(96, 64), fps=60, seconds=9)
    qtbot.wait(wait)  # ms: before anything, while the film begins, while panels are made, while pictures are drawn
    learner.facades["classifier"].cancel_export(job.path)
    assert job.ending == "cancelled"
    assert not list(folder.iterdir())


@pytest.fixture
def each_field() -> Callable[[Any, Any], None]:
    """Compares what the models are: their logits and losses."""

    def compare(one: Any, other: Any) -> None:
        wanted = dict(flatten(other))
        compared = 0
        for name, value in flatten(one):
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and name.endswith(("states", "loss")):
                np.testing.assert_array_equal(value, wanted[name])
                compared += 1
        assert compared

    return compare


def test_training_is_offered_where_something_learns_and_its_film_is_shown(learner: Any, qtbot: QtBot) -> None:
    wait_idle(qtbot, learner)
    dialog = open_dialog(learner, "classifier")
    choose(dialog, "over", "training")
    wait_drawn(qtbot, dialog)
    images = [thumb.image for thumb in dialog.thumbs]
    assert all(not image.isNull() for image in images)
    assert images[0] != images[2]
    assert "pictures" in dialog.words.text()
    enter(dialog, "size", "128x72")
    qtbot.waitUntil(lambda: dialog.preview.busy and not dialog.preview._soon.isActive())
    dialog.close()  # while it learns for the preview: no thread is left


def test_weights_that_are_there_show_no_training(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path / "settings", "classifier") as window:
        wait_idle(qtbot, window)
        dialog = open_dialog(window, "classifier")
        over: Any = dialog.form.controls["over"]
        assert [over.itemText(i) for i in range(over.count())] == ["Time", "Training"]
        QTest.keyClick(over, Qt.Key.Key_Down)
        assert over.currentText() == "Time"
        assert "learn nothing" in over.itemData(1, Qt.ItemDataRole.ToolTipRole)
        dialog.close()
