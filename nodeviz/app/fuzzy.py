"""Finds what somebody means by a few letters: beginnings of words and initials count most, letters in a row next."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LETTER, START, FIRST, ROW, WHOLE, GAP = 1.0, 6.0, 2.0, 6.0, 2.0, 1.0
LEAST = 2.5  # for each letter: fewer, and the letters are only somewhere in the text
ASIDE = 0.6  # what a match counts that is not in the title
LENGTH = 0.02  # what each letter of a title costs, so that of two equal matches the shorter title is first
SIMILAR = 0.7  # of difflib's ratio, for words that are not spelled well


class Match(NamedTuple):
    """How well a text fits, and the places of the letters that were typed."""

    score: float
    places: tuple[int, ...]


def match(query: str, title: str, aside: str = "") -> Match | None:
    """Return how well a title fits what was typed, None where it does not.

    Every word that was typed must be found, in whatever order, in the title or in what stands ``aside``: its menu, its
    panel, its name in Python.
    """
    score, places = 0.0, set[int]()
    low_title, low_aside = title.casefold(), aside.casefold()
    for word in query.casefold().replace("_", " ").split():
        inside, beside = _best(word, low_title), _best(word, low_aside)
        if inside is None and beside is None:
            return None
        if inside is not None and (beside is None or inside.score >= ASIDE * beside.score):
            score += inside.score
            places.update(inside.places)
        elif beside is not None:
            score += ASIDE * beside.score
    return Match(score - LENGTH * len(title), tuple(sorted(places)))


def _best(word: str, text: str) -> Match | None:
    """Return the best way to find the letters of a word in a text in their order, by dynamic programming."""
    at = -1
    for letter in word:  # most texts are out at once
        at = text.find(letter, at + 1)
        if at < 0:
            return None
    scores: list[dict[int, float]] = []
    origins: list[dict[int, int]] = []
    for row, letter in enumerate(word):
        scores.append({})
        origins.append({})
        before = scores[row - 1] if row else {}
        far, far_place = float("-inf"), -1  # the best of all places before the last one
        for j, here in enumerate(text):
            if j >= 2 and before.get(j - 2, float("-inf")) > far:
                far, far_place = before[j - 2], j - 2
            if here != letter:
                continue
            own = LETTER + (START if starts(text, j) else 0.0) + (FIRST if j == 0 else 0.0)
            if row == 0:
                scores[row][j] = own
                continue
            near = before.get(j - 1, float("-inf")) + ROW
            gone = far - GAP
            if max(near, gone) > float("-inf"):
                scores[row][j] = own + max(near, gone)
                origins[row][j] = j - 1 if near >= gone else far_place
    ends = {j: score + (WHOLE if ends_word(text, j) else 0.0) for j, score in scores[-1].items()}
    if not ends:
        return None
    place = max(ends, key=lambda j: ends[j])
    if ends[place] < LEAST * len(word):
        return None
    score, places = ends[place], [place]
    for row in range(len(word) - 1, 0, -1):
        places.append(origins[row][places[-1]])
    return Match(score, tuple(reversed(places)))


def starts(text: str, place: int) -> bool:
    """Whether a word begins here."""
    return text[place].isalnum() and (place == 0 or not text[place - 1].isalnum())


def ends_word(text: str, place: int) -> bool:
    """Whether a word ends here."""
    return place + 1 == len(text) or not text[place + 1].isalnum()


def respelled(query: str, texts: Iterable[str]) -> str:
    """Return what was typed with each word replaced by the most similar one of the texts, where one is similar."""
    known: Sequence[str] = sorted({word for text in texts for word in re.findall(r"\w+", text.casefold())})
    words = []
    for word in query.casefold().replace("_", " ").split():
        words += difflib.get_close_matches(word, known, n=1, cutoff=SIMILAR) or [word]
    return " ".join(words)
