"""How a run came to where it is, told as JSON and read again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nodeviz.experiments.base import Replay
from nodeviz.experiments.classifier_params import ClassifierParams
from nodeviz.experiments.params import ParamError, change
from nodeviz.experiments.replays import decode_replay, encode_replay, is_plain
from nodeviz.experiments.run import Run

BEGUN = change(ClassifierParams(), {"steps": 60, "weights": "fresh", "n_points": 100, "lr": 0.01})
FAST, SLOW = change(BEGUN, {"lr": 0.05}), change(BEGUN, {"lr": 0.002})
REPLAY = Replay(begun=BEGUN, steps=40, goal=60, changes=((10, FAST), (30, SLOW)))


def test_a_run_is_told_and_read_again() -> None:
    told = json.loads(json.dumps(encode_replay(SLOW, REPLAY)))
    assert told == {
        "begun": {"lr": 0.01},
        "steps": 40,
        "goal": 60,
        "changes": [[10, {"lr": 0.05}], [30, {"lr": 0.002}]],
    }
    assert decode_replay(SLOW, told) == REPLAY


def test_a_value_that_is_held_stays_from_beginning_to_end() -> None:
    wanted = change(SLOW, {"lr": 0.03})
    replay = decode_replay(wanted, encode_replay(SLOW, REPLAY), fixed=("lr",))
    assert {params.lr for params in (replay.begun, *(params for _, params in replay.changes))} == {0.03}


def test_what_the_parameters_tell_already_is_plain() -> None:
    assert is_plain(BEGUN, Replay(begun=BEGUN, steps=60, goal=60))
    assert is_plain(BEGUN, Replay(begun=BEGUN))
    assert not is_plain(BEGUN, Replay(begun=BEGUN, steps=20, goal=60))
    assert not is_plain(SLOW, REPLAY)


@pytest.mark.parametrize(
    "broken",
    [
        5, [], {}, {"begun": []}, {"changes": 5}, {"changes": [5]}, {"changes": [[1]]}, {"changes": [[1, 5]]},
        {"changes": [[2, {}], [1, {}]]}, {"changes": [[-1, {}]]}, {"steps": "a"}, {"goal": None},
        {"begun": {"lr": "a"}},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(broken: Any) -> None:
    told = encode_replay(SLOW, REPLAY) | broken if isinstance(broken, dict) and broken else broken
    with pytest.raises(ParamError, match="run: "):
        decode_replay(SLOW, told)


def test_a_run_that_is_repeated_ends_with_the_parameters_it_came_to() -> None:
    run = Run("classifier", params=SLOW, replay=REPLAY)
    assert run.summary()["params"]["lr"] == 0.002
    assert run.inbox.step == 40
    assert [(step, params.lr) for step, params in run.inbox.account().changes] == [(10, 0.05), (30, 0.002)]
    assert run.again().inbox.replayed == REPLAY
