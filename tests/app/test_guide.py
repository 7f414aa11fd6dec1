"""The guide: what it says is complete and true, its steps set the panels up, and it notices what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from app.conftest import wait_idle
from app.windows import opened
from latex2mathml.converter import convert
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMenu

from nodeviz.app.equations import INK, equation, renderer
from nodeviz.app.guide_card import SeeingCard, askable
from nodeviz.app.guide_checks import CHECKS
from nodeviz.app.guide_lines import LineError, run_line
from nodeviz.app.guide_page import Page
from nodeviz.app.guide_text import chapters, paragraphs, seeing, spoken
from nodeviz.app.theme import DARK, LIGHT
from nodeviz.experiments import classifier_params, flow_params, latent_params, phase_params
from nodeviz.experiments.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

STEPS = {step.place: step for chapter in chapters() for step in chapter.steps}
TEXTS = {**{place: f"{step.text}\n\n{step.task}" for place, step in STEPS.items()}} | {
    subject: words.text for subject, words in seeing().items()
}
INSTRUMENTS = {
    "phase": phase_params.INSTRUMENTS,
    "classifier": classifier_params.INSTRUMENTS,
    "flow": flow_params.INSTRUMENTS,
    "latent": latent_params.INSTRUMENTS,
}
PLANES = {
    "phase": {"plane"},
    "classifier": {"plane-state", "plane-input"},
    "flow": {"plane"},
    "latent": {"series", "plane"},
}


def equations(text: str) -> list[tuple[str, bool]]:
    return [
        (piece.text, paragraph.display)
        for paragraph in paragraphs(text)
        for piece in paragraph.pieces
        if piece.kind == "math"
    ]


# What it says.


def test_chapters_are_about_the_whole_subject_in_a_few_steps_each() -> None:
    names = [chapter.name for chapter in chapters()]
    assert names == ["solvers", "residual", "adjoint", "flows", "augmentation", "latent", "dynamics"]
    for chapter in chapters():
        assert chapter.title
        assert chapter.sentence.endswith(".")
        assert 3 <= len(chapter.steps) <= 6
    assert len(STEPS) == sum(len(chapter.steps) for chapter in chapters())


def test_every_step_can_be_seen_to_be_done() -> None:
    assert set(CHECKS) == set(STEPS)


@pytest.mark.parametrize("place", STEPS)
def test_a_step_is_short_and_says_what_to_set_up_and_to_try(place: str) -> None:
    step = STEPS[place]
    assert step.panel in REGISTRY
    assert step.setup[0] == f"commands.only_{step.panel}()"
    assert any(line.startswith(f"{step.panel}.preset(") for line in step.setup)  # from wherever somebody is
    assert step.answer
    assert 250 < len(spoken(step.text)) < 900
    assert 30 < len(spoken(step.task)) < 220


def test_everything_that_can_be_seen_is_explained_and_nothing_else() -> None:
    expected = {f"{panel}/{name}" for panel in REGISTRY for name in {*INSTRUMENTS[panel], *PLANES[panel]}}
    assert set(seeing()) == expected
    for panel, titles in INSTRUMENTS.items():
        for words in (seeing()[f"{panel}/{name}"] for name in titles):
            assert words.title
            assert spoken(words.text).count(".") + spoken(words.text).count("?") >= 2


@pytest.mark.parametrize("name", TEXTS)
def test_every_equation_is_set_and_drawn(name: str) -> None:
    for latex, display in equations(TEXTS[name]):
        assert "\\" not in convert(latex), "a command that is not understood is set as it is written"
        made = equation(latex, 15.0, display=display)
        assert 0 < made.width < 500
        assert 0 < made.ascent < 60
        assert made.svg.count(INK) > 0
        assert renderer(made.svg, DARK.text).isValid()


def test_marks_become_pieces() -> None:
    first, second = paragraphs("of *one* and **two**, `x = 1`\nand $y^2$ 5 %\n\n$$ z $$")
    assert [(piece.kind, piece.text) for piece in first.pieces] == [
        ("plain", "of "),
        ("emphasis", "one"),
        ("plain", " and "),
        ("strong", "two"),
        ("plain", ", "),
        ("code", "x = 1"),
        ("plain", " and "),
        ("math", "y^2"),
        ("plain", " 5\u00a0%"),
    ]
    assert second.display
    assert second.pieces[0].text == "z"


def test_an_equation_stands_on_the_line_of_its_text_and_takes_its_colour(qtbot: Any) -> None:
    assert equation("x", 20.0).descent < 1.5 < equation("x_{y}", 20.0).descent
    assert equation(r"\frac{a}{b}", 20.0, display=True).height > equation(r"\frac{a}{b}", 20.0).height
    inks = []
    for theme in (DARK, LIGHT):
        page = Page("page")
        qtbot.addWidget(page)
        page.setStyleSheet(f"background: {theme.panel}")
        page.resize(320, 120)
        page.begin(theme)
        page.add_text(r"$$\int_0^T a\, dt$$")
        page.show()
        image = page.grab().toImage()
        colours = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
        assert theme.panel in colours
        inks.append(max(colours, key=lambda name: abs(int(name[1:3], 16) - int(theme.panel[1:3], 16))))
    assert int(inks[0][1:3], 16) > 200  # light on dark
    assert int(inks[1][1:3], 16) < 60  # dark on light


def test_mathematics_is_copied_as_latex(qtbot: Any) -> None:
    page = Page("page")
    qtbot.addWidget(page)
    page.begin(DARK)
    page.add_text(r"with $\Delta t$ small" + "\n\n" + r"$$\dot y = f$$")
    page.selectAll()
    page.copy()
    assert QApplication.clipboard().text() == "with $\\Delta t$ small\n$\\dot y = f$"


# What its lines may do.


class Thing:
    def __init__(self) -> None:
        self.numbers = {"mu": 1.0}
        self.said: list[Any] = []

    def say(self, *given: Any, **named: Any) -> None:
        self.said.append((given, named))


def test_lines_assign_and_call_as_python_does() -> None:
    thing = Thing()
    run_line("thing.n = 15", {"thing": thing})
    run_line("thing.numbers['mu'] = -0.5", {"thing": thing})
    run_line("thing.say((-1, 2), name='x')", {"thing": thing})
    assert vars(thing) == {"n": 15, "numbers": {"mu": -0.5}, "said": [(((-1, 2),), {"name": "x"})]}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "thing.say(",
        "thing.n",
        "thing = 3",
        "thing.n = thing.numbers",
        "other.n = 3",
        "thing.__class__.x = 3",
        "thing.say(open('x'))",
        "import os",
        "a.n = b.n = 3",
        "thing.say(); thing.say()",
    ],
)
def test_lines_do_nothing_else(line: str) -> None:
    thing = Thing()
    with pytest.raises(LineError):
        run_line(line, {"thing": thing})
    assert vars(thing) == vars(Thing())


# In a window.


@pytest.fixture
def everything(qtbot: Any, tmp_path: Path) -> Generator[Any, None, None]:
    """A window with all panels and the guide open."""
    with opened(qtbot, tmp_path / "settings") as window:
        window.commands.run("guide")
        yield window


def test_every_step_sets_up_and_its_task_can_be_done(qtbot: Any, everything: Any) -> None:
    window, said, wrong = everything, [], []
    window.session.echoed.connect(said.append)
    window.errors.caught.connect(lambda *what: wrong.append(what))
    for place, step in STEPS.items():
        window.guide.open_step(place)
        said.clear()
        window.guide.set_up_button.click()
        shown = [name for name in window.panels if not window.docks[name].isHidden()]
        assert shown == [step.panel], place
        assert window.panels[step.panel].message.isHidden(), place
        assert said, place
        assert place not in window.guide.done, place
        window.guide.show_button.click()
        assert place in window.guide.done, place
        assert window.panels[step.panel].message.isHidden(), place
        qtbot.wait(1)
    assert window.guide.where.text() == "5 of 5 · dynamics"
    assert not wrong
    window.guide.list_button.click()
    assert window.guide.where.text() == f"{len(STEPS)} of {len(STEPS)} done"


@pytest.fixture
def guided(qtbot: Any, window: Any) -> Any:
    """A window with the phase panel and the guide, on the step about stability."""
    qtbot.keyClick(window, Qt.Key.Key_F2)
    window.guide.open_step("solvers/stability")
    return window


def test_it_is_hidden_at_first_and_offered(qtbot: Any, window: Any) -> None:
    dock = window.docks["guide"]
    assert dock.isHidden()
    assert window.commands.action("guide").text() == "Guide"
    qtbot.keyClick(window, Qt.Key.Key_F2)
    assert dock.isVisible()
    assert dock.width() <= 348
    assert window.guide.contents.isVisible()
    assert window.guide.contents.hasFocus()
    qtbot.mouseClick(window.guide.close_button, Qt.MouseButton.LeftButton)
    assert dock.isHidden()


def test_the_keyboard_alone_reads_it(qtbot: Any, window: Any) -> None:
    guide = window.guide
    qtbot.keyClick(window, Qt.Key.Key_F2)
    tree = guide.contents
    qtbot.keyClick(tree, Qt.Key.Key_Down)
    qtbot.keyClick(tree, Qt.Key.Key_Return)
    assert guide.step.place == "solvers/equal-work"
    assert guide.set_up_button.hasFocus()
    qtbot.keyClick(guide.set_up_button, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert guide.step.place == "solvers/order"
    qtbot.keyClick(guide.set_up_button, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert guide.step.place == "solvers/equal-work"
    qtbot.keyClick(guide.set_up_button, Qt.Key.Key_Space)
    assert window.facades["phase"].lower == "evaluations"
    reached = set()
    for _ in range(60):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        reached.add(QApplication.focusWidget())
    assert {guide.next_button, guide.back_button, guide.show_button} <= reached


def test_set_up_is_one_step_of_undo_and_lines_that_do_it_again(qtbot: Any, guided: Any) -> None:
    session, said = guided.session, []
    session.echoed.connect(said.append)
    before, count = session.state("phase"), session.undo_stack.count()
    qtbot.mouseClick(guided.guide.set_up_button, Qt.MouseButton.LeftButton)
    assert said == ["phase.preset('euler-limit')", "phase.solvers = ['euler', 'rk4']", "phase.n_steps = 15"]
    assert session.undo_stack.count() == count + 1
    assert session.undo_stack.undoText() == "guide: Too long a step"
    session.undo_stack.undo()
    assert session.state("phase") == before
    session.undo_stack.redo()
    assert guided.facades["phase"].n_steps == 15


def test_a_panel_shown_alone_comes_back_with_undo(qtbot: Any, everything: Any) -> None:
    qtbot.wait(1)
    everything.commands.run("only_flow")
    hidden = [name for name in everything.panels if everything.docks[name].isHidden()]
    assert hidden == ["phase", "classifier", "latent"]
    everything.session.undo_stack.undo()
    assert not any(everything.docks[name].isHidden() for name in everything.panels)
    count = everything.session.undo_stack.count()
    everything.commands.run("only_flow")
    everything.commands.run("only_flow")  # changes nothing
    assert everything.session.undo_stack.count() == count


def test_a_task_is_done_by_whoever_does_it(qtbot: Any, guided: Any) -> None:
    guide, phase = guided.guide, guided.facades["phase"]
    guide.open_step("solvers/order")
    phase.n_steps = 40
    guide.open_step("solvers/stability")
    assert "solvers/stability" not in guide.done  # it was so before anybody tried
    qtbot.mouseClick(guide.set_up_button, Qt.MouseButton.LeftButton)
    phase.n_steps = 30
    assert "Done" not in guide.page.toPlainText()
    phase.n_steps = 31
    assert "Done ✓" in guide.page.toPlainText()
    phase.n_steps = 5
    assert "Done ✓" in guide.page.toPlainText()


def test_a_cursor_that_moves_is_noticed(qtbot: Any, everything: Any) -> None:
    everything.guide.open_step("augmentation/no-crossing")
    everything.guide.set_up()
    everything.facades["classifier"].t = 0.5
    qtbot.waitUntil(lambda: "augmentation/no-crossing" in everything.guide.done)


def test_a_step_of_a_panel_that_is_not_there_is_only_read(guided: Any) -> None:
    guided.guide.open_step("flows/trace")
    guided.guide.look()
    assert guided.guide.step.place == "flows/trace"


def test_its_place_and_what_was_done_are_remembered(qtbot: Any, tmp_path: Path) -> None:
    folder = tmp_path / "settings"
    with opened(qtbot, folder, "phase") as first:
        wait_idle(qtbot, first)
        first.commands.run("guide")
        first.guide.open_step("solvers/equal-work")
        first.guide.set_up()
        first.guide.show_answer()
    with opened(qtbot, folder, "phase") as second:
        wait_idle(qtbot, second)
        assert not second.docks["guide"].isHidden()
        assert second.guide.step.place == "solvers/equal-work"
        assert second.guide.done == {"solvers/equal-work"}
        assert "Done ✓" in second.guide.page.toPlainText()


def test_both_themes_draw_the_step(guided: Any) -> None:
    grounds = []
    for _ in range(2):
        guided.toggle_theme()
        image = guided.guide.grab().toImage()
        grounds.append(image.pixelColor(4, image.height() // 2).name())
    assert set(grounds) == {DARK.panel, LIGHT.panel}


def test_it_fits_beside_the_panels_of_a_small_window(qtbot: Any, everything: Any) -> None:
    everything.resize(1280, 720)
    qtbot.waitUntil(lambda: everything.width() == 1280)
    everything.guide.open_step("solvers/stability")
    for alone in (False, True):
        if alone:
            everything.commands.run("only_phase")
            qtbot.waitUntil(lambda: everything.docks["phase"].width() > 850)
        assert everything.minimumSizeHint().width() <= 1280
        assert everything.width() == 1280
        guide = everything.guide
        for button in (guide.back_button, guide.set_up_button, guide.next_button, guide.show_button):
            assert guide.rect().contains(button.geometry().translated(button.parentWidget().pos()))
            assert button.width() >= button.minimumSizeHint().width()


# What am I seeing?


def cards(window: Any) -> list[SeeingCard]:
    return [card for card in window.findChildren(SeeingCard) if card.isVisible()]


@pytest.mark.parametrize(("key", "shift"), [(Qt.Key.Key_Question, True), (Qt.Key.Key_F1, True)])
def test_a_key_in_a_plot_explains_it_and_escape_closes(qtbot: Any, window: Any, key: Qt.Key, shift: bool) -> None:
    panel = window.panels["phase"]
    modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    for plot, subject in ((panel.plots[0], "phase/plane"), (panel.instruments["upper"].plot, "phase/stability")):
        plot.setFocus()
        qtbot.keyClick(plot, key, modifier)
        (card,) = cards(window)
        assert card.subject == subject
        assert seeing()[subject].title in card.page.toPlainText()
        assert window.rect().contains(card.geometry())
        assert card.page.verticalScrollBar().maximum() == 0  # all of it can be read at once
        assert card.height() < 400
        qtbot.keyClick(card.page, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: not cards(window))


def test_a_table_is_explained_too(qtbot: Any, window: Any) -> None:
    window.facades["phase"].upper = "numbers"
    table = window.panels["phase"].instruments["upper"].table
    qtbot.waitUntil(table.isVisible)
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier)
    (card,) = cards(window)
    assert card.subject == "phase/numbers"
    card.close()
    assert "What am I seeing?" in [action.text() for action in table.actions()]


def test_the_menu_of_a_plot_offers_it(window: Any) -> None:
    plot = window.panels["phase"].plots[0]
    menu = QMenu(plot)
    ask = next(action for action in plot.data_actions(menu) if action.text() == "What am I seeing?")
    ask.trigger()
    (card,) = cards(window)
    assert card.subject == "phase/plane"
    card.close()
    menu.deleteLater()


def test_every_plot_of_every_panel_has_a_card(qtbot: Any, everything: Any) -> None:
    wait_idle(qtbot, everything)
    for panel in everything.panels.values():
        for plot in askable(panel).values():
            assert f"{panel.experiment}/{plot.subject}" in seeing()
    everything.facades["classifier"].plane = "input"
    qtbot.waitUntil(lambda: everything.panels["classifier"].plots[0].subject == "plane-input")
