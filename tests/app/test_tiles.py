"""Where the plots of a panel stand: large ones of one size, all within the panel, none over another."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QRect

from nodeviz.app.tiles import LEAST, SMALL, choose, places

widths, heights = st.integers(320, 2600), st.integers(220, 1600)
counts = st.integers(1, 3)
arrangements = st.sampled_from(["beside", "below", "stacked"])
LEAD = 30


@given(widths, heights, counts, arrangements)
def test_nothing_overlaps_or_sticks_out_and_the_large_plots_share_a_size(
    width: int, height: int, n: int, arrangement: str
) -> None:
    rect = QRect(7, 11, width, height)
    large, small = places(rect, n, arrangement, LEAD)
    assert (len(large), len(small)) == (n, 2)
    for place in (*large, *small):
        assert rect.contains(place), place
    for one, other in itertools.combinations((*large, *small), 2):
        assert not one.intersects(other)
    leading = [True] * n if arrangement == "stacked" else [True, *[False] * (n - 1)]
    inner = {(p.width() - LEAD * lead, p.height()) for p, lead in zip(large, leading, strict=True)}
    assert len(inner) == 1
    assert len({(p.width(), p.height()) for p in small}) == 1


@given(widths, heights, counts, arrangements)
def test_the_choice_is_stable_and_leaves_small_plots_their_room(width: int, height: int, n: int, current: str) -> None:
    chosen = choose(width, height, n, current)
    assert choose(width, height, n, chosen) == chosen
    assert not (chosen == "below" and current != "below" and SMALL * height <= LEAST)


def test_a_wide_panel_has_its_small_plots_below_two_planes_and_a_tall_one_stacks_them() -> None:
    assert choose(1000, 700, 2, "beside") == "below"
    assert choose(560, 780, 2, "beside") == "stacked"
    assert choose(560, 300, 2, "beside") == "beside"
    assert choose(900, 500, 1, "beside") == "beside"
