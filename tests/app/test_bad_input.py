"""What a person may type, open or find on the disk: one clear sentence each, and nothing lost."""

from __future__ import annotations

import json
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from nodeviz.experiments.params import ParamError, change
from nodeviz.experiments.phase_params import PhaseParams

from .conftest import wait_idle
from .windows import opened

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture
def panel(window: Any) -> Any:
    return window.panels["phase"]


@pytest.fixture
def german() -> Generator[None, None, None]:
    """A locale that writes 1.234,5 for 1234.5."""
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.German, QLocale.Country.Germany))
    yield
    QLocale.setDefault(before)


def type_into(entry: Any, text: str) -> None:
    entry.setFocus()
    entry.selectAll()
    if text.isascii():
        QTest.keyClicks(entry, text)
    else:  # QTest has no keys for it
        QGuiApplication.clipboard().setText(text)
        entry.paste()
    QTest.keyClick(entry, Qt.Key.Key_Return)


# Number fields.


@pytest.mark.usefixtures("german")
def test_numbers_under_a_comma_locale(panel: Any) -> None:
    for name, text, value in (
        ("t1", "7,5", 7.5),
        ("t1", "8.5", 8.5),
        ("rtol", "1e-7", 1e-7),
        ("rtol", "2,5e-7", 2.5e-7),
        ("n_steps", "1234", 1234),
        ("t1", "−3", -3.0),
    ):
        row = panel.form.rows[name]
        type_into(row.entry, text)
        assert getattr(panel.params, name) == value
        # What is shown is what Python and the command line read, in every locale.
        assert "," not in row.entry.text()
        assert float(row.entry.text()) == value
        assert not panel.message.isVisible()


@pytest.mark.usefixtures("german")
def test_the_whole_window_under_a_comma_locale(qtbot: Any, window: Any, panel: Any) -> None:
    window.session.load_preset("phase", "typed")
    wait_idle(qtbot, window)
    panel.form.show_more(on=True)
    type_into(panel.form.rows["start"].entry, "0.5,-1.25; 2,2")
    assert panel.params.start == ((0.5, -1.25), (2.0, 2.0))
    type_into(panel.form.rows["x_range"].entry, "-3.5,3.5")
    assert panel.params.x_range == (-3.5, 3.5)
    type_into(panel.form.rows["parameters"]._rows["a"].entry, "1,5")
    assert panel.params.parameters["a"] == 1.5
    wait_idle(qtbot, window)
    assert "1.5" in panel.form.rows["parameters"]._rows["a"].entry.text()
    assert panel.metrics["solvers"]["rk4"]["status"] == "ok"


BAD_ENTRIES = [
    ("n_steps", "ten", ["n_steps=ten", "not a number", "write it like"]),
    ("n_steps", "1,5", ["not a whole number"]),
    ("t1", "1.234,5", ["t1=1.234,5", "not a number"]),
    ("t1", "inf", ["t1=inf", "not a finite number"]),
    ("t1", "nan", ["t1=nan", "not a finite number"]),
    ("t1", "0", ["t1=0", "equal to t0"]),
    ("t1", "1e99", ["t1=1e99", "above the limit 10000"]),
    ("rtol", "-1", ["rtol=-1", "below the limit 1e-12"]),
    ("rtol", "1e-17", ["rtol=1e-17", "use 1e-12 or more"]),
    ("rtol", "__import__('os')", ["not a number"]),
    ("start", "1,2,3", ["a point has 2"]),
    ("start", "here", ["start=here", "a point has 2"]),
    ("x_range", "4,-4", ["must be larger"]),
    ("x_range", "wide", ["not two numbers"]),
    ("solvers", "rk5", ["unknown solver", "did you mean"]),
    ("solvers", "rk4:1000000000000", ["above the limit 1000000"]),
]


def test_a_bad_entry_gets_a_sentence_and_changes_nothing(window: Any, panel: Any) -> None:
    panel.form.show_more(on=True)
    frame, before = panel.frame, window.session.state("phase")
    for name, text, words in BAD_ENTRIES:
        entry = panel.form.rows[name].entry
        shown = entry.text()
        type_into(entry, text)
        assert panel.message.isVisible(), text
        for word in words:
            assert word in panel.message.text.text()
        assert window.session.state("phase") is before
        assert panel.frame is frame
        QTest.keyClick(entry, Qt.Key.Key_Escape)
        assert entry.text() == shown
        panel.message.hide()
    assert not window.session.undo_stack.canUndo()


def test_an_empty_entry_changes_nothing(window: Any, panel: Any) -> None:
    before = window.session.state("phase")
    for name in ("n_steps", "t1", "solvers"):
        entry = panel.form.rows[name].entry
        entry.setFocus()
        entry.selectAll()
        QTest.keyClick(entry, Qt.Key.Key_Delete)
        QTest.keyClick(entry, Qt.Key.Key_Return)
        assert window.session.state("phase") is before


BAD_EQUATIONS = [
    ("x' = y +; y' = -x", "y +"),
    ("x' = sinn(y); y' = -x", "sin"),
    ("x' = __import__('os'); y' = 1", "__import__"),
    ("x' = y.real; y' = 1", "y.real"),
    ("x' = 10**10**10; y' = 1", ""),
    ("x' = y", "y'"),
    ("x = y; y' = 1", "x"),
    ("t = 3; x' = y; y' = t", "t"),
    ("x' = " + "sin(" * 80 + "y" + ")" * 80 + "; y' = 1", ""),
    ("x' = " + "y+" * 3000 + "y; y' = 1", ""),
    ("x' = [y]; y' = 1", ""),
    ("x' = 'y'; y' = 1", ""),
    ("lambda: 0", ""),
    ("", ""),
]


def test_bad_equations_get_a_sentence(window: Any, panel: Any) -> None:
    before = window.session.state("phase")
    edit = panel.form.rows["equations"].edit
    edit.setFocus()
    for equations, word in BAD_EQUATIONS:
        edit.setPlainText(equations)
        QTest.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        assert panel.message.isVisible(), equations
        sentence = panel.message.text.text()
        assert word in sentence
        assert len(sentence) < 400
        assert window.session.state("phase") is before
        panel.message.hide()


def test_equations_that_are_not_finite_everywhere_are_drawn_as_far_as_they_go(
    qtbot: Any, window: Any, panel: Any
) -> None:
    for equations in (
        "x' = 1/x; y' = 1/y",
        "x' = log(-1 - x*x); y' = 1",  # nowhere a number
        "x' = exp(exp(x*x)); y' = exp(y)",
        "x' = 0; y' = 0",
    ):
        window.session.change("phase", {"equations": equations, "start": "1,1; -1,0", "solvers": "euler, rk4, dopri5"})
        wait_idle(qtbot, window)
        assert panel.frame.portrait.key.startswith(equations[:4])
        assert panel.metrics is not None
        assert not panel.message.isVisible(), panel.message.text.text()


# Start points from a file.


def write(path: Path, text: str, encoding: str = "utf-8") -> str:
    path.write_bytes(text.encode(encoding))
    return str(path)


TABLES = [
    ("x,y\n1,2\n3,4\n", ((1, 2), (3, 4))),
    ("Ort;Geschwindigkeit\n1,5;-0,25\n2,0;3,0\n", ((1.5, -0.25), (2, 3))),
    ("время;x;y\r\n0;1,5;2\r\n1;-1;0,5\r\n", ((1.5, 2), (-1, 0.5))),
    ("1.5\t2\n-3\t4\n", ((1.5, 2), (-3, 4))),
    ("x,y\n1,2\n,3\n4,\nNA,1\n5,6\n", ((1, 2), (5, 6))),
    ("# made by hand\n\nx,y\n1,2\n", ((1, 2),)),
    ("sep=;\nx;y\n1;2\n", ((1, 2),)),
]


def test_start_points_are_opened_however_they_are_written(panel: Any, tmp_path: Path) -> None:
    for text, points in TABLES:
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            panel.open_points(write(tmp_path / "points.csv", text, encoding))
            assert panel.params.start == points, (text, encoding)
        assert panel.message.isVisible() == (",3" in text)  # where a value is missing
        panel.message.hide()


BAD_TABLES = [
    ("", ["points.csv", "empty"]),
    ("x,y\n", ["points.csv", "no line holds a point"]),
    ("x,y\n1,two\n", ["points.csv, line 2, column y", "'two'", "not a finite number"]),
    ("x,y\n1,inf\n", ["line 2", "not a finite number"]),
    ("x,y\n1,2e400\n", ["line 2", "not a finite number"]),
    ("x\n1\n2\n", ["one column where points need two"]),
    ("x,y\n1,5,2,5\n", ["with decimal commas, separate the columns by ;"]),
    ("\0\1\2\3", ["not a text file"]),
    ("x,y\n1e12,0\n", ["start", "above the limit"]),
]


def test_a_bad_file_of_start_points_gets_a_sentence(window: Any, panel: Any, tmp_path: Path) -> None:
    before = window.session.state("phase")
    for text, words in BAD_TABLES:
        with pytest.raises(ParamError) as caught:
            panel.open_points(write(tmp_path / "points.csv", text))
        for word in words:
            assert word in str(caught.value)
        assert "\n" not in str(caught.value)
        assert window.session.state("phase") is before


def test_a_missing_file_and_a_folder_get_a_sentence(panel: Any, tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(ParamError, match="cannot be opened"):
            panel.open_points(str(path))


def test_a_million_rows_cost_nothing_and_the_first_are_used(
    qtbot: Any, window: Any, panel: Any, tmp_path: Path
) -> None:
    path = tmp_path / "many.csv"
    path.write_text("x,y\n" + "0.5,1.5\n" * 10**6, "utf-8")
    started = time.thread_time()
    panel.open_points(str(path))
    assert time.thread_time() - started < 1.0  # reading them all takes longer than that
    assert panel.params.start == ((0.5, 1.5),) * 64
    assert "only the first 64 points used" in panel.message.text.text()
    assert panel.message.isVisible()
    wait_idle(qtbot, window)
    assert panel.frame.paths.y.shape[1] == 64


def test_the_line_of_an_opened_file_opens_it_again(window: Any, panel: Any, tmp_path: Path) -> None:
    said: list[str] = []
    window.session.echoed.connect(said.append)
    path = write(tmp_path / "it's here.csv", "1,2\n")
    panel.open_points(path)
    (line,) = said
    window.commands.run("undo")
    exec(line, dict(window.facades))
    assert panel.params.start == ((1.0, 2.0),)


# Settings.


WHOLE = json.dumps(
    {
        "version": 1,
        "theme": "light",
        "layout": None,
        "console_history": 1000,
    }
).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (WHOLE[: len(WHOLE) // 2], ["damaged", "replaced by defaults", "settings.damaged.bak"]),
        (b"\xff\xfe\x00binary", ["damaged", "replaced by defaults"]),
        (b"", ["damaged"]),
        (WHOLE.replace(b'"version": 1', b'"version": 99'), ["from a newer nodeviz", "settings.newer.bak"]),
        (WHOLE.replace(b'"light"', b'"pink"'), ["theme", "got defaults"]),
    ],
    ids=["cut", "binary", "empty", "newer", "theme"],
)
def test_damaged_settings_are_told_once_and_the_window_opens(
    qtbot: Any, tmp_path: Path, content: bytes, words: list[str]
) -> None:
    (tmp_path / "settings.json").write_bytes(content)
    with opened(qtbot, tmp_path, "phase") as window:
        sentence = window.statusBar().currentMessage()
        assert sentence.count("\n") == 0
        for word in words:
            assert word in sentence
        wait_idle(qtbot, window)
        assert window.panels["phase"].metrics is not None
        assert next(tmp_path.glob("settings.*.bak")).read_bytes() == content


@pytest.mark.parametrize(
    ("saved", "kept", "sentence"),
    [
        ({"system": "hopf", "n_steps": -5}, {"system": "hopf"}, "Not restored: n_steps=-5: below the limit 1"),
        (
            {"equations": "x' = __import__('os'); y' = 1", "system": "custom"},
            {"system": "custom"},
            "Not restored: equations",
        ),
        ({"a parameter of another version": 1}, {}, ""),
    ],
)
def test_parameters_that_cannot_be_used_any_more_get_defaults(
    qtbot: Any, tmp_path: Path, saved: dict[str, Any], kept: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "settings.json").write_bytes(WHOLE)
    panels = {"phase": {"params": saved}, "a panel of another version": {"x": 1}}
    (tmp_path / "sessions").mkdir()
    with zipfile.ZipFile(tmp_path / "sessions" / "last.nodeviz", "w") as archive:
        archive.writestr("session.json", json.dumps({"format": "nodeviz session", "version": 1, "panels": panels}))
    with opened(qtbot, tmp_path, "phase") as window:
        assert sentence in window.panels["phase"].message.text.text()
        wait_idle(qtbot, window)
        assert window.panels["phase"].params == change(PhaseParams(), kept)
        assert window.theme_name == "light"


def test_a_home_that_cannot_be_written_is_told_and_the_window_works(qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where a folder should be")
    with opened(qtbot, tmp_path / "home" / "nodeviz", "phase") as window:
        assert "changes last until nodeviz is closed" in window.statusBar().currentMessage()
        wait_idle(qtbot, window)
        window.toggle_theme()
        assert window.theme_name == "light"
