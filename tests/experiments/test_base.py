"""Inbox, runs and the stacking of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nodeviz.experiments.base import Frame, Inbox, Request, flatten
from nodeviz.experiments.run import plain, stack_frames


@dataclass(frozen=True, kw_only=True)
class Part:
    """A nested part."""

    ys: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Picture(Frame):
    """A frame with everything that can be in one."""

    step: int
    part: Part
    names: np.ndarray


def test_the_newest_request_of_a_kind_wins_and_is_recorded_with_its_step() -> None:
    inbox = Inbox(None)
    inbox.put(Request(1, "density", 0.1))
    inbox.put(Request(2, "jacobian", (0, 0)))
    inbox.put(Request(3, "density", 0.7))
    inbox.step = 5
    assert [request.number for request in inbox.requests()] == [2, 3]
    assert inbox.record == [(5, "jacobian", (0, 0)), (5, "density", 0.7)]
    assert not inbox.waiting
    assert inbox.requests() == ()


def test_live_parameters_are_recorded_with_their_step() -> None:
    inbox = Inbox("before")
    inbox.step = 3
    inbox.set_live("after")
    assert inbox.live == "after"
    assert inbox.record == [(3, "live", "after")]


def test_frames_of_different_sizes_are_stacked_with_padding() -> None:
    small = Picture(step=1, part=Part(ys=np.ones((1, 2))), names=np.array(["a"]))
    large = Picture(step=2, part=Part(ys=np.full((3, 2), 2.0)), names=np.array(["b", "long"]))
    stacked = stack_frames([small, large])
    assert set(stacked) == {"step", "part.ys", "names"} == {name for name, _ in flatten(small)}
    assert stacked["part.ys"].shape == (2, 3, 2)
    assert np.isnan(stacked["part.ys"][0, 1:]).all()
    assert stacked["names"].tolist() == [["a", ""], ["b", "long"]]
    assert stacked["step"].tolist() == [1, 2]


def test_what_is_not_finite_becomes_null() -> None:
    assert plain({"a": np.array([1.0, np.nan]), "b": (np.inf, 1j), "c": np.int64(3)}) == {
        "a": [1.0, None],
        "b": [None, [0.0, 1.0]],
        "c": 3,
    }


def test_at_one_step_only_the_newest_of_a_kind_is_recorded() -> None:
    inbox = Inbox("before")
    for number in range(3):
        inbox.put(Request(number, "where", number))
        inbox.requests()
        inbox.set_live(f"live {number}")
    assert inbox.record == [(0, "where", 2), (0, "live", "live 2")]
    inbox.step = 1
    inbox.set_live("later")
    assert inbox.record[2:] == [(1, "live", "later")]
