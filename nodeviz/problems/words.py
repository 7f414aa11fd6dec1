"""Typed words as densities of the plane: letters filled evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from nodeviz.problems.pictures import PictureDensity, PictureError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LONGEST = 24  # characters; of more nothing is legible in a panel
_SIZE = 120  # pixels of the font
# Where Pillow's own font, the same on every machine, has no glyph (it knows no accents), one of the system's may.
_OTHER_FONTS = ("DejaVuSans.ttf", "arial.ttf", "Arial.ttf", "Arial Unicode.ttf", "NotoSans-Regular.ttf")
_NO_CHARACTER = "\U0010ffff"  # Unicode will never give it a glyph: what is drawn for it stands for a missing one


def density_from_word(word: str) -> PictureDensity:
    """Return a word as a density within ±4.

    Raises
    ------
    PictureError : nothing to draw, too long, or characters without a glyph; one sentence
    """
    from PIL import Image, ImageDraw, ImageFont

    text = " ".join(word.split())
    if not text:
        raise PictureError("word: nothing to draw; type a word")
    if len(text) > LONGEST:
        raise PictureError(f"word: {len(text)} characters, above the limit {LONGEST}; type fewer")
    font = cast("FreeTypeFont", ImageFont.load_default(_SIZE))
    unknown = _without_glyph(font, text)
    for name in _OTHER_FONTS if unknown else ():
        try:
            other = ImageFont.truetype(name, _SIZE)
        except OSError:
            continue
        if not _without_glyph(other, text):
            font, unknown = other, []
            break
    if unknown:
        shown = " ".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in unknown)
        raise PictureError(f"word: no font here has a glyph for {shown}; use Latin letters, digits and signs")
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, fill=255, font=font)
    return PictureDensity.of(np.asarray(image.crop(image.getbbox()), dtype=np.float64))


def _without_glyph(font: FreeTypeFont, text: str) -> list[str]:
    """Return the characters but the blank for which a font draws nothing, or what it draws for none."""
    missing = bytes(font.getmask(_NO_CHARACTER))
    drawn = {character: bytes(font.getmask(character)) for character in sorted(set(text) - {" "})}
    return [character for character, mask in drawn.items() if mask == missing or not any(mask)]
