"""The points of the classifier: drawn afresh on top, held out evenly, scaled once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.experiments.classifier_data import SHOWN, held_out, make_data
from nodeviz.experiments.classifier_params import ClassifierParams
from nodeviz.experiments.params import ParamError, change, to_json
from nodeviz.problems.datasets import DATASETS
from nodeviz.problems.labelled import LabelledPoints

if TYPE_CHECKING:
    from pathlib import Path

    from nodeviz.experiments.classifier_data import Data


def data(seed: int = 0, **changes: Any) -> Data:
    return make_data(change(ClassifierParams(), changes), seed)


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_gives_as_many_training_points_as_asked_and_test_points_on_top(name: str) -> None:
    drawn = data(dataset=name, n_points=300, test_share=0.25)
    assert (drawn.train.shape, drawn.test.shape) == ((300, 2), (100, 2))
    assert (drawn.view.n_train, drawn.view.n_test, drawn.view.painted) == (300, 100, False)
    assert drawn.view.points.tolist() == drawn.train[:SHOWN].tolist()
    assert not drawn.view.given_held_out.any()
    x0, x1, y0, y1 = drawn.view.view
    assert (drawn.train >= (x0, y0)).all()
    assert (drawn.train <= (x1, y1)).all()
    assert drawn.fresh is not None
    assert len(drawn.fresh(1000, np.random.default_rng(0))[0]) == 1000
    assert not {tuple(point) for point in drawn.test.tolist()} & {tuple(point) for point in drawn.train.tolist()}


def test_the_points_follow_from_the_seed() -> None:
    assert (data(4).train == data(4).train).all()
    assert (data(4).train != data(5).train).any()
    assert len(data(test_share=0).test) == 0


def test_given_points_are_parted_and_none_is_lost() -> None:
    rng = np.random.default_rng(0)
    X, labels = rng.normal(0, 1, (1000, 2)), rng.integers(0, 3, 1000)
    given_data = data(points=(X, labels), test_share=0.2)
    assert len(given_data.train) + len(given_data.test) == 1000
    assert len(given_data.test) == pytest.approx(200, abs=5)
    for label in range(3):
        assert np.mean(given_data.test_labels == label) == pytest.approx(np.mean(labels == label), abs=0.02)
    view = given_data.view
    assert (view.given == X).all()
    assert (view.given[view.given_held_out] == given_data.test).all()
    assert (len(view.points), view.painted, given_data.fresh) == (SHOWN, True, None)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), st.floats(0.0, 0.5), st.integers(0, 3))
def test_one_more_point_leaves_the_others_where_they_are(labels: list[int], share: float, one: int) -> None:
    before, after = held_out(np.array(labels), share), held_out(np.array([*labels, one]), share)
    assert (after[:-1] == before).all()
    for label in set(labels):
        own = before[np.array(labels) == label]
        assert not own[0]
        assert own.sum() <= share * len(own) + 1


def test_labels_in_turn_do_not_empty_a_class() -> None:
    labels = np.tile([0, 1, 2, 3], 50)
    for share in (0.2, 0.25, 0.5):
        out = held_out(labels, share)
        for label in range(4):
            assert out[labels == label].mean() == pytest.approx(share, abs=0.03)


def test_points_of_another_order_of_magnitude_are_scaled_once_and_it_is_said() -> None:
    rng = np.random.default_rng(1)
    X = rng.uniform((1000, 0.001), (3000, 0.002), (50, 2))
    scaled = data(points=(X, np.arange(50) % 2)).view
    assert np.abs(scaled.given).max() == pytest.approx(2.0)
    assert "scaled to ±2" in scaled.note
    again = data(points=(scaled.given, scaled.given_labels)).view
    assert (again.given == scaled.given).all()
    assert again.note == ""


def test_what_is_painted_lands_where_it_was_painted() -> None:
    rng = np.random.default_rng(1)
    params = change(ClassifierParams(), {"points": (rng.uniform(1000, 3000, (50, 2)), np.arange(50) % 2)})
    before = make_data(params, 0).view
    assert (before.given == params.points.X).all()
    more = LabelledPoints(np.concatenate([params.points.X, [[0.5, 0.25]]]), [*params.points.labels, 1])
    after = make_data(change(params, {"points": more}), 0).view
    assert after.given[-1].tolist() == [0.5, 0.25]
    assert (after.given[:-1] == before.given).all()
    kept = change(ClassifierParams(), {"points": to_json(change(params, {"points": more}))["points"]})
    assert (kept.points.X == more.X).all()


@given(st.lists(st.tuples(*[st.floats(-50, 50)] * 2, st.integers(0, 3)), min_size=1, max_size=20))
def test_painted_points_stay_where_they_are_however_close_or_far(rows: list[tuple[float, float, int]]) -> None:
    points = LabelledPoints([row[:2] for row in rows], [row[2] for row in rows])  # type: ignore[arg-type]
    assert (data(classes=4, points=points).view.given == points.X).all()


def test_a_file_is_brought_to_scale(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("0,0,a\n0.001,0.002,b\n0.0005,0.001,a\n", "utf-8")
    read = data(csv=str(path)).view
    assert read.given == pytest.approx(np.array([[-2, -2], [2, 2], [0, 0]]))
    assert "scaled to ±2" in read.note


def test_a_constant_column_stays_a_line() -> None:
    view = data(points=([[1000, 5], [2000, 5], [3000, 5]], [0, 1, 1])).view
    assert view.given.tolist() == [[-2, 0], [0, 0], [2, 0]]
    assert "column y is 5 everywhere" in view.note


def test_the_view_holds_the_points_and_does_not_jump_while_one_paints() -> None:
    inside = data(dataset="circles", points="0,0,0; 1,1,1").view
    assert inside.view.tolist() == list(DATASETS["circles"].view)
    outside = data(dataset="circles", points="0,0,0; 5,1,1").view
    assert outside.view[1] > 5


def test_names_of_classes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x;y;label\n0;0;no\n1;1;yes\n1;0;no\n", "utf-8")
    read = data(csv=str(path))
    assert read.view.names.tolist() == ["no", "yes"]
    assert read.view.given_labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x,y,label\n0,0,a\n1,1,a\n", "every point has the label 'a'"),
        ("x,y,label\n" + "".join(f"{k},{k},{k}\n" for k in range(9)), "above the limit 4"),
        ("1,2\n3,4\n", "x, y and label"),
        ("", "points.csv"),
        ("x,y,label\n1,1,a\n1,1,b\n", "every point is 1,1"),
    ],
    ids=["one class", "many classes", "two columns", "empty", "one place"],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(ParamError) as caught:
        change(ClassifierParams(), {"csv": str(path)})
    assert str(caught.value).startswith("csv: points.csv")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_with_missing_values_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x,y,label\n0,0,a\nnan,1,b\n1,1,b\n2,,a\n", "utf-8")
    read = data(csv=str(path))
    assert len(read.view.given) == 2
    assert "2 rows with missing values left out" in read.view.note


def test_a_million_rows_are_cut_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("x,y,label\n" + "0.5,1.5,a\n1,2,b\n" * 500_000, "utf-8")
    read = data(csv=str(path), n_points=20)
    assert len(read.view.given) == 100_000
    assert "only the first 100000 rows used" in read.view.note


def test_a_file_is_read_again_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    for n in (3, 4):
        path.write_text("".join(f"{k},{k},{k % 2}\n" for k in range(n)), "utf-8")
        assert len(data(csv=str(path)).view.given) == n
