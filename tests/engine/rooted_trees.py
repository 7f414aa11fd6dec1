"""Rooted trees and the order conditions that belong to them (Hairer, Norsett, Wanner I, section II.2)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

# A tree is the sorted tuple of the trees that hang on its root.
Tree = tuple["Tree", ...]


@cache
def trees(order: int) -> tuple[Tree, ...]:
    """Return all rooted trees with ``order`` nodes: 1, 1, 2, 4, 9, 20, 48, 115, ..."""
    return tuple(sorted(forests(order - 1, order - 1)))


@cache
def forests(nodes: int, largest: int) -> frozenset[Tree]:
    """Return all multisets of trees with ``nodes`` nodes together, none with more than ``largest``."""
    if nodes == 0:
        return frozenset({()})
    found = set()
    for size in range(1, min(nodes, largest) + 1):
        for tree in trees(size):
            found |= {tuple(sorted((tree, *rest))) for rest in forests(nodes - size, size)}
    return frozenset(found)


def size(tree: Tree) -> int:
    return 1 + sum(size(branch) for branch in tree)


def density(tree: Tree) -> int:
    """Return gamma(tree)."""
    product = size(tree)
    for branch in tree:
        product *= density(branch)
    return product


def weights(tree: Tree, a: FloatArray) -> FloatArray:
    """Return the vector that b is multiplied with: the product over the branches of a times theirs."""
    product = np.ones(len(a))
    for branch in tree:
        product = product * (a @ weights(branch, a))
    return product


def defect(order: int, a: FloatArray, b: FloatArray, x: float = 1.0) -> float:
    """Return the largest violation among the conditions of exactly this order, for a step of x dt."""
    return max(abs(float(b @ weights(tree, a)) - x**order / density(tree)) for tree in trees(order))
