"""A trained run is brought again to where it was: by the same steps, with the same changes on the way, bit by bit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.experiments import classifier_measures
from nodeviz.experiments.base import Inbox, Replay, flatten
from nodeviz.experiments.params import ParamError

from .conftest import wait_idle
from .windows import opened

if TYPE_CHECKING:
    from pathlib import Path

QUICK = {
    "classifier": {"weights": "fresh", "n_points": 200, "steps": 60, "hidden": 12},
    "flow": {"weights": "fresh", "steps": 60, "hidden": 16},
    "latent": {"weights": "fresh", "steps": 60},
}


def same_frames(a: Any, b: Any) -> None:
    """Assert that two frames are equal in every bit.

    Times that something took are no part of that, nor how the latent plane is turned: as those drawn before were.
    """
    left, right = dict(flatten(a)), dict(flatten(b))
    assert left.keys() == right.keys()
    for name, value in left.items():
        other = right[name]
        if name.endswith("words"):
            value, other = (re.sub(r"[\d.]+ m?s\b", "", text) for text in (value, other))
        timed = name.endswith(("seconds_per_step", "seconds", "milliseconds_first", "milliseconds_refined"))
        if not timed and not name.startswith(("stability", "path", "trace", "inside.")):
            np.testing.assert_array_equal(np.asarray(value), np.asarray(other), err_msg=name)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier_measures, "FRESH", classifier_measures.PIECE)


@pytest.mark.parametrize("name", list(QUICK))
def test_a_run_that_was_changed_on_its_way_is_brought_there_again(qtbot: Any, tmp_path: Path, name: str) -> None:
    with opened(qtbot, tmp_path, name) as window:
        panel = window.panels[name]
        window.session.change(name, QUICK[name])
        panel.step(17)
        wait_idle(qtbot, window)
        window.session.change(name, {"lr": panel.params.lr * 3})
        panel.step(12)
        wait_idle(qtbot, window)
        window.session.change(name, {"lr": panel.params.lr / 2})
        wait_idle(qtbot, window)
        frame, account = panel.frame, panel.account()
        assert account.steps >= 29
        assert [step for step, _ in account.changes] == [account.steps - 12, account.steps]
        panel.start(afresh=True, replay=account)
        wait_idle(qtbot, window)
        assert panel.frame is not frame
        same_frames(panel.frame, frame)
        assert panel.account() == account


def test_the_verb_takes_the_same_way(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "classifier") as window:
        panel, facade = window.panels["classifier"], window.facades["classifier"]
        lines: list[str] = []
        window.session.change("classifier", QUICK["classifier"])
        window.session.echoed.connect(lines.append)
        facade.reset(5, changes={2: {"lr": 0.05}, 3: {"lr": 0.01, "show_grid": False}})
        wait_idle(qtbot, window)
        assert (panel.frame.step, panel.frame.steps) == (5, 60)
        assert (panel.params.lr, panel.params.show_grid) == (0.01, False)
        assert lines == ["classifier.reset(5, changes={2: {'lr': 0.05}, 3: {'lr': 0.01, 'show_grid': False}})"]
        assert [step for step, _ in panel.account().changes][:2] == [2, 3]
        frame = panel.frame
        window.session.change("classifier", {"lr": 0.001, "show_grid": True})
        facade.reset(2)
        wait_idle(qtbot, window)
        window.session.change("classifier", {"lr": 0.05})
        facade.step(1)
        wait_idle(qtbot, window)
        window.session.change("classifier", {"lr": 0.01, "show_grid": False})
        facade.step(2)
        wait_idle(qtbot, window)
        same_frames(panel.frame, frame)
        facade.reset(4, goal=9)
        wait_idle(qtbot, window)
        assert (panel.frame.step, panel.frame.steps) == (4, 9)
        for wrong in (
            {"steps": 0},
            {"steps": 5, "changes": {9: {"lr": 1}}},
            {"steps": 5, "changes": {1: {"hidden": 8}}},
        ):
            with pytest.raises(ParamError):
                facade.reset(**wrong)


def test_what_is_changed_during_a_replay_comes_after_it() -> None:
    inbox: Inbox[str] = Inbox("begun")
    inbox.replay(Replay(begun="begun", steps=3, changes=((1, "first"), (3, "last"))))
    seen = []
    for step in range(4):
        inbox.step, inbox.quota = step, 3 - step
        inbox.follow_plan()
        if step == 1:
            inbox.set_live("later")
            assert inbox.account() == Replay(begun="begun", steps=3, changes=((1, "first"), (3, "last"), (3, "later")))
        seen.append(inbox.live)
    assert seen == ["begun", "first", "first", "later"]
    assert inbox.account() == Replay(begun="begun", steps=3, changes=((1, "first"), (3, "later")))


def test_a_replay_that_is_halted_and_changed_goes_on_from_there() -> None:
    inbox: Inbox[str] = Inbox("begun")
    inbox.replay(Replay(begun="begun", steps=9, changes=((1, "first"), (5, "last"))))
    inbox.step = 3
    assert inbox.follow_plan() == 2
    inbox.allow(0)
    assert inbox.account() == Replay(begun="begun", steps=3, changes=((3, "first"),))
    inbox.set_live("mine")
    assert inbox.live == "mine"
    inbox.allow(4)
    inbox.step = 7
    inbox.follow_plan()
    assert inbox.live == "mine"
    assert inbox.account() == Replay(begun="begun", steps=7, changes=((3, "mine"),))


def test_phase_has_no_steps_to_take_again(window: Any) -> None:
    assert window.panels["phase"].account() is None
    with pytest.raises(ParamError, match="nothing to train"):
        window.facades["phase"].reset(3)
