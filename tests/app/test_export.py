"""Exports through the panel that draws them: what is decoded equals what the panel shows."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QComboBox

from nodeviz.app.export import Shoot, Subject, check, export_frame, export_frames, export_run, read_size
from nodeviz.app.playbar import SECONDS
from nodeviz.app.projector import Projector
from nodeviz.app.sprites import Picture as Ground
from nodeviz.app.sprites import Sprites
from nodeviz.cli_runs import repeated
from nodeviz.experiments.base import Frame, Replay
from nodeviz.experiments.films import OverTime, OverTraining, film_of
from nodeviz.experiments.params import ParamError, change
from nodeviz.experiments.registry import REGISTRY
from nodeviz.experiments.run import Run
from nodeviz.media.formats import MediaError
from nodeviz.media.notes import read_note
from nodeviz.problems.series import Series

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import numpy.typing as npt
    from pytestqt.qtbot import QtBot

    from nodeviz.app.main_window import MainWindow

SMALL = (640, 360)
pytestmark = pytest.mark.usefixtures("qapp")


@pytest.fixture(scope="module")
def spiral() -> tuple[Run, Frame]:
    run = Run("phase", preset="spiral")
    return run, list(run)[-1]


def whole(steps: Generator[tuple[int, int], None, Path]) -> tuple[list[tuple[int, int]], Path]:
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return told, end.value


def colours(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    return picture[..., 2::-1].astype(np.int16)


def drawn(spiral: tuple[Run, Frame], fraction: float, **changes: Any) -> npt.NDArray[np.uint8]:
    run, frame = spiral
    projector = Projector("phase", run.params, preset="spiral", size=changes.pop("size", SMALL), **changes)
    try:
        projector.draw(frame, fraction)
        return projector.picture()
    finally:
        projector.close()


def test_a_video_begins_and_ends_as_the_panel_draws(spiral: tuple[Run, Frame], tmp_path: Path) -> None:
    run, frame = spiral
    shoot = Shoot(size=SMALL, fps=10.0, seconds=1.2, quality=95)
    told, path = whole(export_frame(Subject("phase", run.params, 0, "spiral"), frame, tmp_path / "a.mp4", shoot))
    assert told[-1] == (12, 12)
    with av.open(str(path)) as container:
        pictures = [picture.to_ndarray(format="rgb24").astype(np.int16) for picture in container.decode(video=0)]
    assert len(pictures) == 12
    for picture, fraction in ((pictures[0], 0.0), (pictures[-1], 1.0)):
        wanted = colours(drawn(spiral, fraction))
        assert np.abs(picture - wanted).mean() < 2.0
        assert wanted.std() > 5.0
    assert np.abs(pictures[0] - pictures[-1]).max() > 50


def test_a_png_of_a_moment_is_the_panel_to_the_last_bit(spiral: tuple[Run, Frame], tmp_path: Path) -> None:
    run = Run("phase", preset="spiral")
    _, path = whole(export_run(run, tmp_path / "a.png", Shoot(size=SMALL, at=3.0, theme="light")))
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image).astype(np.int16), colours(drawn(spiral, 0.5, theme="light")))
    note = json.loads(read_note(path))
    assert (note["panel"], note["preset"], note["seed"]) == ("phase", "spiral", 0)
    assert Run("phase", changes=note["params"]).params == run.params


def test_lines_and_text_grow_with_the_picture(spiral: tuple[Run, Frame]) -> None:
    small, large = drawn(spiral, 1.0, size=(640, 360)), drawn(spiral, 1.0, size=(1280, 720))
    halved = np.asarray(Image.fromarray(large[..., 2::-1].copy()).resize((640, 360), Image.Resampling.BOX))
    assert np.abs(colours(small) - halved.astype(np.int16)).mean() < 4.0


def test_a_plot_alone_fills_the_picture_and_title_and_caption_can_go(spiral: tuple[Run, Frame]) -> None:
    bare = drawn(spiral, 1.0, title=False, caption=False)
    whole_panel = drawn(spiral, 1.0)
    alone = drawn(spiral, 1.0, plot=2)
    assert bare.shape == whole_panel.shape == alone.shape == (360, 640, 4)
    assert len({picture.tobytes() for picture in (bare, whole_panel, alone)}) == 3
    with pytest.raises(ParamError, match="use 1 to"):
        drawn(spiral, 1.0, plot=9)


def test_a_see_through_picture_has_no_ground(spiral: tuple[Run, Frame]) -> None:
    alpha = drawn(spiral, 1.0, transparent=True)[..., 3]
    assert np.mean(alpha == 0) > 0.5
    assert alpha.max() == 255


@pytest.mark.parametrize("ending", [".svg", ".pdf"])
def test_drawings_of_lines_say_how_they_were_made(spiral: tuple[Run, Frame], tmp_path: Path, ending: str) -> None:
    run, frame = spiral
    path = tmp_path / f"a{ending}"
    whole(export_frame(Subject("phase", run.params, 3), frame, path, Shoot(size=SMALL)))
    assert json.loads(read_note(path))["seed"] == 3
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_an_svg_looks_like_the_picture_and_leaves_no_line_to_the_reader_to_scale(
    spiral: tuple[Run, Frame], tmp_path: Path
) -> None:
    run, frame = spiral
    path = tmp_path / "a.svg"
    whole(export_frame(Subject("phase", run.params, 0, "spiral"), frame, path, Shoot(size=SMALL)))
    assert "non-scaling-stroke" not in path.read_text("utf-8")
    image = QImage(*SMALL, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.magenta)
    painter = QPainter(image)
    QSvgRenderer(str(path)).render(painter)
    painter.end()
    seen = np.frombuffer(image.constBits(), np.uint8).reshape(360, 640, 4)
    assert np.abs(colours(seen) - colours(drawn(spiral, 1.0))).mean() < 4.0


def test_training_is_seen_from_its_first_step_to_its_last() -> None:
    run = Run("classifier", changes={"models": "node", "steps": 40, "n_points": 100, "batch": 16})
    moments = [moment for moment in OverTraining(run, Shoot(fps=9.0, seconds=1.0)).moments() if moment is not None]
    assert len(moments) == 9
    steps = [frame.step for frame, _ in moments]  # type: ignore[attr-defined]
    assert steps == sorted(steps)
    assert steps[0] == 0
    assert steps[-1] == 40
    assert len(set(steps)) >= 7


def fractions(**changes: Any) -> list[float]:
    shoot = Shoot(**changes)
    film = OverTime(Frame(), shoot)
    list(film.prepare())
    return [fraction for _, fraction in film.moments()]


def test_time_goes_there_and_back() -> None:
    assert fractions(fps=5.0, seconds=1.0, there_and_back=True) == [0.0, 0.5, 1.0, 0.5, 0.0]
    assert fractions(fps=3.0, seconds=1.0) == [0.0, 0.5, 1.0]
    assert fractions(fps=1.0, seconds=1.0) == [0.0]


def test_time_goes_as_fast_as_the_play_bar_and_begins_again() -> None:
    assert fractions(fps=0.5, seconds=10.0, speed=1.0) == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0, 1 / 3])
    assert fractions(fps=0.5, seconds=10.0, speed=2.0, there_and_back=True) == pytest.approx(
        [0, 2 / 3, 2 / 3, 0, 2 / 3]
    )
    assert Shoot(seconds=None).length == SECONDS
    assert Shoot(seconds=None, speed=2.0, there_and_back=True).length == SECONDS
    assert fractions(fps=2.0, seconds=None, speed=2.0) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


@pytest.fixture(scope="module")
def grid() -> tuple[list[Run], list[Frame]]:
    runs = [Run(name, preset=experiment.first_preset, shown=True) for name, experiment in REGISTRY.items()]
    return runs, [list(run)[-1] for run in runs]


def test_a_grid_has_each_panel_in_its_place_and_says_of_each_how_it_was_made(
    grid: tuple[list[Run], list[Frame]], tmp_path: Path
) -> None:
    runs, frames = grid
    subjects = [Subject(run.experiment.name, run.params, 0, run.preset or "") for run in runs]
    _, path = whole(export_frames(subjects, frames, tmp_path / "a.png", Shoot(size=(1600, 900))))
    with Image.open(path) as image:
        picture = np.asarray(image).astype(np.int16)
    quarters = [picture[y : y + 440, x : x + 790] for y in (5, 455) for x in (5, 805)]
    assert len({quarter.tobytes() for quarter in quarters}) == len(runs)
    for subject, frame, quarter in zip(subjects, frames, quarters, strict=True):
        alone = drawn_alone(subject, frame)
        assert np.abs(quarter.mean((0, 1)) - alone.mean((0, 1))).max() < 6.0
    note = json.loads(read_note(path))
    assert [entry["panel"] for entry in note["panels"]] == list(REGISTRY)
    assert repeated(path, "flow", {}).params == runs[2].params
    with pytest.raises(ParamError, match="shows several panels; name one of them: phase, classifier"):
        repeated(path, None, {})


def drawn_alone(subject: Subject, frame: Frame) -> npt.NDArray[np.int16]:
    sheet = Projector(subject.panel, subject.params, preset=subject.preset, size=(1008, 564))
    try:
        sheet.draw(frame, 1.0)
        return colours(sheet.picture())
    finally:
        sheet.close()


def test_a_grid_moves_as_a_whole(grid: tuple[list[Run], list[Frame]], tmp_path: Path) -> None:
    runs, frames = grid
    subjects = [Subject(run.experiment.name, run.params, 0, run.preset or "") for run in runs[:3]]
    shoot = Shoot(size=(800, 450), fps=4.0, seconds=1.0)
    told, path = whole(export_frames(subjects, frames[:3], tmp_path / "a.webp", shoot))
    assert told[-1] == (4, 4)
    with Image.open(path) as image:
        assert image.n_frames == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("shoot", "words"),
    [(Shoot(at=1.0), "time of its own"), (Shoot(plot=1), "no plot alone"), (Shoot(over="training"), "not all panels")],
)
def test_what_a_grid_cannot_be_is_said(tmp_path: Path, shoot: Shoot, words: str) -> None:
    path = tmp_path / ("a.png" if shoot.at else "a.mp4")
    with pytest.raises(MediaError, match=words):
        check(path, shoot, panels=4)


def test_an_export_given_up_in_the_middle_leaves_nothing(spiral: tuple[Run, Frame], tmp_path: Path) -> None:
    run, frame = spiral
    steps = export_frame(Subject("phase", run.params), frame, tmp_path / "a.mp4", Shoot(size=SMALL, seconds=5.0))
    for _ in range(3):
        next(steps)
    steps.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".mp4", ".gif", ".webp", "/"])
@pytest.mark.parametrize("stage", ["before the first step", "computing", "first picture", "ending the file"])
def test_an_export_can_be_given_up_at_each_stage(tmp_path: Path, stage: str, ending: str) -> None:
    target = f"{tmp_path}/frames/" if ending == "/" else tmp_path / f"a{ending}"
    steps = export_run(Run("phase", preset="spiral"), target, Shoot(size=SMALL, fps=6.0, seconds=1.0))
    told = (0, 0)
    if stage != "before the first step":
        told = next(steps)
    while stage == "first picture" and told[0] < 1:
        told = next(steps)
    while stage == "ending the file" and told[0] < 6:
        told = next(steps)
    steps.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("shoot", "words"),
    [
        (Shoot(size=(10, 10)), "use 64 to 8192"),
        (Shoot(size=(641, 360)), "use 642x360"),
        (Shoot(quality=0), "use 1 to 100"),
        (Shoot(fps=0.0), "use 1 to"),
        (Shoot(seconds=0.0), "use up to 3600"),
        (Shoot(at=1.0), "a moment is for a still"),
        (Shoot(theme="pink"), "use dark or light"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_computed(tmp_path: Path, shoot: Shoot, words: str) -> None:
    with pytest.raises((MediaError, ParamError), match=words):
        check(tmp_path / "a.mp4", shoot)


def test_sizes_have_names() -> None:
    assert read_size("1080p") == (1920, 1080)
    assert read_size("800x450") == (800, 450)
    with pytest.raises(ParamError, match="WIDTHxHEIGHT"):
        read_size("large")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "exports"
    made.mkdir()
    return made


def test_the_window_exports_while_it_works_on(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    panel = window.panels["phase"]
    qtbot.waitUntil(lambda: panel.frame is not None and not panel.busy, timeout=20_000)
    job = window.facades["phase"].export(str(folder / "a.gif"), size=SMALL, fps=10, seconds=1.0)
    with qtbot.waitSignal(job.ended, timeout=20_000) as ended:
        assert job.running
    assert "Exported a.gif" in ended.args[0]
    assert "Exported a.gif" in panel.message.text.text()
    with Image.open(folder / "a.gif") as image:
        assert image.n_frames == 10  # type: ignore[attr-defined]


def test_closing_the_window_gives_up_an_export_and_leaves_nothing(
    window: MainWindow, qtbot: QtBot, folder: Path
) -> None:
    panel = window.panels["phase"]
    qtbot.waitUntil(lambda: panel.frame is not None and not panel.busy, timeout=20_000)
    job = window.facades["phase"].export(str(folder / "a.mp4"))
    done: list[int] = []
    job.progressed.connect(lambda number, _: done.append(number))
    qtbot.waitUntil(lambda: len(done) > 2, timeout=20_000)
    window.close()
    assert not list(folder.iterdir())


def test_an_export_that_cannot_be_is_said_at_once(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    panel = window.panels["phase"]
    qtbot.waitUntil(lambda: panel.frame is not None, timeout=20_000)
    with pytest.raises((MediaError, ParamError), match=r"\.avi is not a format"):
        window.facades["phase"].export(str(folder / "a.avi"))
    with pytest.raises(ParamError, match="no option of an export"):
        window.facades["phase"].export(str(folder / "a.gif"), sise=SMALL)


@pytest.fixture(scope="module")
def eight() -> Run:
    return Run("latent", preset="eight-points", shown=True)


def film(run: Run, **changes: Any) -> list[tuple[Frame, float]]:
    made = film_of(run, Shoot(**changes))
    list(made.prepare())
    return [moment for moment in made.moments() if moment is not None]


def test_the_observations_of_a_latent_ode_arrive_one_by_one(eight: Run) -> None:
    frames: list[Any] = [frame for frame, _ in film(eight, fps=18.0, seconds=1.0)]
    counts = [len(frame.series.t) for frame in frames]
    assert counts == [number // 2 for number in range(18)]
    assert {tuple(frame.series.view) for frame in frames} == {tuple(frames[-1].series.view)}  # the axes stay
    whole_run: Any = list(Run("latent", preset="eight-points", shown=True))[-1]
    assert np.array_equal(frames[-1].answer.mean, whole_run.answer.mean)
    spreads = [float(np.mean(frame.answer.band90[1] - frame.answer.band90[0])) for frame in frames[1::2]]
    assert spreads[-1] < 0.5 * spreads[0]  # the more is seen, the surer it is


def test_each_picture_of_arriving_points_is_the_answer_to_those_points_alone(eight: Run) -> None:
    first: Any = film(eight.again(), fps=9.0, seconds=1.0)[3][0]
    again: Any = film(eight.again(), fps=9.0, seconds=1.0)[3][0]
    assert np.array_equal(first.answer.mean, again.answer.mean)
    points = Series(first.series.t, first.series.y)
    alone: Any = list(Run("latent", params=change(eight.params, {"points": points})))[-1]
    assert len(points) == 3
    assert np.array_equal(first.answer.mean, alone.answer.mean)


def test_observations_that_were_edited_arrive_as_they_are_now(eight: Run) -> None:
    begun = eight.params
    moved = Series(begun.points.t[:5], begun.points.y[:5] + 0.5)
    run = eight.again()
    run.inbox.replay(Replay(begun=begun, changes=((0, change(begun, {"points": moved})),)))
    frames: list[Any] = [frame for frame, _ in film(run, fps=12.0, seconds=1.0)]
    assert [len(frame.series.t) for frame in frames] == [number // 2 for number in range(12)]
    for frame in frames:
        np.testing.assert_allclose(frame.series.y.ravel(), moved.y.ravel()[: len(frame.series.t)])


def test_real_series_arrive_on_axes_that_stay() -> None:
    run = Run("latent", preset="nile", changes={"baselines": "none"}, shown=True)
    frames: list[Any] = [frame for frame, _ in film(run, fps=5.0, seconds=1.0)]
    assert [int(frame.series.used.sum()) for frame in frames] == [0, 17, 35, 53, 70]
    assert all(np.allclose(frame.series.view, frames[-1].series.view) for frame in frames)


def test_points_that_cannot_arrive_leave_the_cursor_to_move(tmp_path: Path) -> None:
    run = Run("latent", preset="eight-points", changes={"draws": 8}, shown=True)
    assert [fraction for _, fraction in film(run, fps=3.0, seconds=1.0)] == [0.0, 0.5, 1.0]
    with pytest.raises(ParamError, match="none that could arrive"):
        film(run.again(), fps=3.0, seconds=1.0, over="points")
    with pytest.raises(ParamError, match="no observations that arrive"):
        whole(export_run(Run("phase"), tmp_path / "a.gif", Shoot(over="points")))
    assert not list(tmp_path.iterdir())


def test_a_picture_of_some_points_shows_no_others(eight: Run) -> None:
    moments = film(eight.again(), fps=9.0, seconds=1.0)
    sheet = Projector("latent", eight.params, preset="eight-points", size=SMALL)
    try:
        sheet.draw(*moments[-1])
        shown: Any = sheet.panel
        assert len(shown._seen.t) == 8
        sheet.draw(*moments[2])
        assert len(shown._seen.t) == 2
    finally:
        sheet.close()


def test_what_draws_pictures_leaves_no_widget_behind(spiral: tuple[Run, Frame]) -> None:
    drawn(spiral, 0.0)
    before = len(QApplication.allWidgets())
    for _ in range(3):
        drawn(spiral, 0.5)
        drawn(spiral, 0.5, plot=2)
    gc.collect()
    assert len(QApplication.allWidgets()) == before


def test_a_picture_has_no_arrows_of_menus_that_nobody_can_open(spiral: tuple[Run, Frame]) -> None:
    run, frame = spiral
    sheet = Projector("phase", run.params, preset="spiral")
    try:
        sheet.draw(frame, 1.0)
        picture = colours(sheet.picture())
        menus = sheet.panel.findChildren(QComboBox, "instrument")
        assert len(menus) == 2
        for menu in menus:
            place = menu.mapTo(sheet.panel, menu.rect().topRight())
            ground = picture[place.y() : place.y() + menu.height(), place.x() - 40 : place.x()]
            assert np.ptp(ground, axis=(0, 1)).max() == 0
    finally:
        sheet.close()


def test_a_plot_on_which_nothing_is_drawn_cannot_stand_alone() -> None:
    run = Run("classifier", preset="circles", shown=True)  # with two models, and so with two of three planes
    frame = list(run)[-1]
    sheet = Projector("classifier", run.params, preset="circles", size=SMALL, plot=3)
    try:
        with pytest.raises(ParamError, match=r"--plot 3: nothing is drawn there .* use one of 1, 2, 4"):
            sheet.draw(frame, 1.0)
    finally:
        sheet.close()


def test_what_lies_behind_the_points_is_drawn_for_the_view_that_is_shown() -> None:
    run = Run("classifier", preset="circles", shown=True)
    sheet = Projector("classifier", run.params, preset="circles", size=(720, 720))
    try:
        sheet.draw(list(run)[-1], 1.0)
        drawn_first = sheet.picture().copy()
        grounds = [item for item in sheet.panel.plots[0].scene().items() if isinstance(item, Ground)]
        for ground in grounds:  # a cache that holds a part of another view would show
            ground.setCacheMode(ground.CacheMode.NoCache)
        assert grounds
        change = np.abs(sheet.picture().astype(int) - drawn_first)
        assert (change > 12).mean() < 0.002  # it is stretched from its cells a little otherwise
    finally:
        sheet.close()


def test_what_is_kept_as_a_pixmap_is_drawn_at_the_size_of_the_picture() -> None:
    run = Run("classifier", preset="circles", shown=True)
    sheet = Projector("classifier", run.params, preset="circles", size=(2560, 1440))
    try:
        sheet.draw(list(run)[-1], 1.0)
        items = [item for plot in sheet.panel.plots for item in plot.scene().items()]
        kept = [item for item in items if item.cacheMode() != item.CacheMode.NoCache]
        assert all(isinstance(item, Ground) for item in kept)  # of which a smooth picture is stretched anyway
        markers = [item for item in items if isinstance(item, Sprites)]
        assert markers
        assert all(item.density == 2.0 for item in markers)
    finally:
        sheet.close()
