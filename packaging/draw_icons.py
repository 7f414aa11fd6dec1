"""Draw the icon of nodeviz: the SVG from its mathematics, and from the SVG the pictures that desktops ask for.

    .venv/bin/python packaging/draw_icons.py

Two orbits of a spiral sink run into its equilibrium, the accent's blue and the classes' orange of design.md, section 6,
with the heads of the moving points where they set out. Below 32 pixels the orbits are drawn thicker and shorter.
"""

from __future__ import annotations

import io
import math
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ICONS = ROOT / "resources" / "icons"  # in the wheel, and what the window shows
BUNDLES = ROOT / "packaging" / "icons"  # for Windows and macOS
SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)  # pixels; hicolor's
SMALL = 32  # pixels from which the fine drawing is used
ICO_SIZES = (16, 24, 32, 48, 64, 128, 256)

GROUND, BLUE, ORANGE, LIGHT = "#1b1f26", "#6ea8fe", "#f08a4b", "#e6e8eb"
CENTRE = 128.0


def main() -> None:
    """Write every file anew."""
    fine = drawing(turns=1.06, width=15.0, head=20.0, margin=8.0)
    coarse = drawing(turns=0.62, width=30.0, head=33.0, margin=0.0)
    for folder in (ICONS, BUNDLES):
        folder.mkdir(exist_ok=True)
    (ICONS / "nodeviz.svg").write_text(fine, encoding="utf-8")
    pictures = {size: rendered(fine if size >= SMALL else coarse, size) for size in {*SIZES, *ICO_SIZES, 1024}}
    for size in SIZES:
        path = ICONS / "hicolor" / f"{size}x{size}" / "apps" / "nodeviz.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pictures[size])
    write_bundles(pictures)


def drawing(*, turns: float, width: float, head: float, margin: float) -> str:
    """Return the icon as SVG text.

    Parameters
    ----------
    turns : how often each orbit goes around
    width : of the lines, in units of 1/256 of the icon
    head : radius of the points at the orbits' outer ends
    margin : around the tile; in a taskbar's 16 pixels there is none to give away
    """
    marks = []
    side = 256 - 2 * margin
    corner = 0.22 * side
    for colour, start in ((ORANGE, math.pi), (BLUE, 0.0)):
        path, (x, y) = orbit(start=start + math.radians(38), turns=turns)
        stroke = f'stroke="{colour}" stroke-width="{width:g}" stroke-linecap="round" stroke-linejoin="round"'
        marks.append(f'  <path d="{path}" fill="none" {stroke}/>')
        marks.append(f'  <circle cx="{x:.1f}" cy="{y:.1f}" r="{head:g}" fill="{colour}"/>')
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256" viewBox="0 0 256 256">',
        f'  <rect x="{margin:g}" y="{margin:g}" width="{side:g}" height="{side:g}" rx="{corner:.1f}" fill="{GROUND}"/>',
        *marks,
        f'  <circle cx="128" cy="128" r="{0.6 * head:.1f}" fill="{LIGHT}"/>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def orbit(*, start: float, turns: float) -> tuple[str, tuple[float, float]]:
    """Return an orbit of x' = -decay x - y, y' = x - decay y as cubic Bezier pieces, and where it sets out.

    Each piece has the exact tangents of the field at its ends: Hermite data, as in dense output.
    """
    outer, inner = 90.0, 30.0
    decay = math.log(outer / inner) / (2 * math.pi * turns)
    n_pieces = max(6, round(8 * turns))
    dt = 2 * math.pi * turns / n_pieces

    def point(t: float) -> tuple[float, float]:
        radius = outer * math.exp(-decay * t)
        return CENTRE + radius * math.cos(start - t), CENTRE - radius * math.sin(start - t)

    def velocity(t: float) -> tuple[float, float]:
        x, y = point(t)[0] - CENTRE, point(t)[1] - CENTRE
        return -decay * x - y, x - decay * y

    first = point(0.0)
    words = [f"M{first[0]:.1f} {first[1]:.1f}"]
    for index in range(n_pieces):
        t0, t1 = index * dt, (index + 1) * dt
        (x0, y0), (u0, v0), (x1, y1), (u1, v1) = point(t0), velocity(t0), point(t1), velocity(t1)
        controls = (x0 + u0 * dt / 3, y0 + v0 * dt / 3, x1 - u1 * dt / 3, y1 - v1 * dt / 3, x1, y1)
        words.append("C" + " ".join(f"{value:.1f}" for value in controls))
    return " ".join(words), first


def rendered(svg: str, size: int) -> bytes:
    """Return an SVG as PNG of size x size pixels."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stub wants bytes, Qt a str
    return bytes(buffer.data().data())


def write_bundles(pictures: dict[int, bytes]) -> None:
    """Write the containers of Windows (.ico) and macOS (.icns) with pictures of many sizes."""
    from PIL import Image

    images = {size: Image.open(io.BytesIO(png)) for size, png in pictures.items()}
    small = [images[size] for size in ICO_SIZES]
    small[-1].save(
        BUNDLES / "nodeviz.ico",
        sizes=[(size, size) for size in ICO_SIZES],
        append_images=small[:-1],
        bitmap_format="png",
    )
    images[1024].save(BUNDLES / "nodeviz.icns", append_images=[images[size] for size in (16, 32, 64, 128, 256, 512)])


if __name__ == "__main__":
    main()
