from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.memory import Arena

SHAPES = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), min_size=1, max_size=30)


@given(shapes=SHAPES, dtype=st.sampled_from([np.float32, np.float64]))
def test_arrays_of_an_arena_are_aligned_and_apart(shapes: list[tuple[int, int]], dtype: Any) -> None:
    arena = Arena(dtype)
    arrays = [arena.ones(shape) for shape in shapes]
    for i, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
        assert array.shape == shape
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert array.ctypes.data % 64 == 0 or not array.size
        array[...] = i + 2
    for i, array in enumerate(arrays):
        assert (array == i + 2).all()


def test_an_arena_asks_for_memory_seldom_and_not_for_twice_too_much() -> None:
    arena = Arena(np.float32)
    arrays = [arena.empty((100_000,)) for _ in range(100)]
    pieces = {id(array.base): array.base for array in arrays}
    assert len(pieces) < 10
    assert sum(piece.nbytes for piece in pieces.values()) < 2.2 * sum(array.nbytes for array in arrays)
