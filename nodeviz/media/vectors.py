"""SVG as every program reads it: Qt scales lines of fixed width, and trusts the reader to scale them back."""

from __future__ import annotations

import re

MOVED = re.compile(r'transform="matrix\(([^)]*)\)"')
POINTS = re.compile(r' (points|d)="([^"]*)"')
PAIR = re.compile(r"([-+\d.eE]+),([-+\d.eE]+)")
FIXED = ' vector-effect="non-scaling-stroke"'  # which only browsers know


def bake(text: str) -> str:
    """Return an SVG with the points of lines of fixed width moved themselves, and what their group does undone."""
    lines, matrix = [], (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    for line in text.splitlines(keepends=True):
        moved = MOVED.search(line)
        if moved:
            a, b, c, d, e, f = map(float, moved[1].split(","))
            matrix = (a, b, c, d, e, f)
        if ' d=""' not in line:
            lines.append(_baked(line, matrix) if FIXED in line else line)
    return "".join(lines)


def _baked(line: str, matrix: tuple[float, float, float, float, float, float]) -> str:
    a, b, c, d, e, f = matrix
    size = a * d - b * c

    def pair(found: re.Match[str]) -> str:
        x, y = float(found[1]), float(found[2])
        return f"{a * x + c * y + e:.2f},{b * x + d * y + f:.2f}"

    undone = (d, -b, -c, a, c * f - d * e, b * e - a * f)
    back = ",".join(f"{number / size:.9g}" for number in undone) if size else "0,0,0,0,0,0"
    moved = POINTS.sub(lambda found: f' {found[1]}="{PAIR.sub(pair, found[2])}"', line)
    return moved.replace(FIXED, f' transform="matrix({back})"')
