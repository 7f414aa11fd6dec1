"""Pictures as densities of the plane: a pixel is a square filled evenly, the more, the less it is like the ground."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from nodeviz.engine.arrays import freeze

if TYPE_CHECKING:
    import os

    from PIL.Image import Image

    from nodeviz.engine.arrays import FloatArray

HALF_VIEW = 4.0  # a picture's longer side reaches from -4 to 4
_LONGEST = 256  # pixels kept of it; a flow of the plane draws nothing finer
_MOST_PIXELS = 100_000_000  # of a file: half a gigabyte while it is read
_TOLERANCE = 0.06  # of the range of brightness: what scanners and JPEG make of an even ground


class PictureError(ValueError):
    """A picture or a word that makes no density; one sentence with its name, what is wrong and the remedy."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureDensity:
    """A density that is constant on each pixel.

    Attributes
    ----------
    mass : (H, W) share of each pixel, the top row first; adds up to 1
    pixel : side of a pixel in units of the plane; the picture's middle is the origin
    """

    mass: FloatArray
    pixel: float
    _ends: FloatArray

    @classmethod
    def of(cls, ink: FloatArray) -> Self:
        """Return the density whose pixels weigh as given: (H, W), not negative, with a positive sum."""
        mass = freeze(ink / ink.sum())
        return cls(mass, 2.0 * HALF_VIEW / max(mass.shape), freeze(np.cumsum(mass)))

    @property
    def entropy_bound(self) -> float:
        """The mean log-density of the picture under itself, in nats."""
        filled = self.mass[self.mass > 0.0]
        return float(np.dot(filled, np.log(filled))) - 2.0 * log(self.pixel)

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw ``n`` points, (n, 2): pixels by the inverse of the cumulated mass, places inside of them evenly."""
        height, width = self.mass.shape
        # The sum may end a rounding below 1; side="right" never takes a pixel without mass.
        pixels = np.searchsorted(self._ends, rng.uniform(0.0, self._ends[-1], n), side="right")
        row, column = np.divmod(pixels, width)
        points = rng.uniform(0.0, 1.0, (n, 2))
        points[:, 0] += column - 0.5 * width
        points[:, 1] += 0.5 * height - 1.0 - row
        points *= self.pixel
        return points

    def log_prob(self, x: FloatArray) -> FloatArray:
        """Return the log-density (N,) in nats at points (N, 2): -inf on pixels without mass and outside."""
        height, width = self.mass.shape
        column = np.floor(x[:, 0] / self.pixel + 0.5 * width)
        row = np.floor(0.5 * height - x[:, 1] / self.pixel)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        mass = np.zeros(len(x))
        mass[inside] = self.mass[row[inside].astype(int), column[inside].astype(int)]
        with np.errstate(divide="ignore"):
            result: FloatArray = np.log(mass)
        return result - 2.0 * log(self.pixel)


def density_from_picture(path: str | os.PathLike[str]) -> PictureDensity:
    """Return a picture file as a density within ±4, whichever of light and dark is its ground.

    The ground is the median brightness of the border. Ink is what is lighter than it, or what is darker, whichever is
    more in all; a pixel weighs as much as it differs. Where the border is transparent, ink is what is opaque.

    Raises
    ------
    PictureError : no picture, too large, or one colour throughout; one sentence
    """
    name = Path(path).name
    brightness, opacity = _read(path, name)
    border = np.ones(brightness.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    if np.median(opacity[border]) < 0.5:
        ink = opacity
    else:
        ink = opacity * _contrast(brightness, float(np.median(brightness[border])))
    if np.ptp(ink) < 1e-6:
        raise PictureError(f"{name}: one colour throughout; choose a picture with light and dark parts")
    return PictureDensity.of(ink)


def _contrast(brightness: FloatArray, ground: float) -> FloatArray:
    """Return by how much pixels are darker than the ground, or lighter, whichever is more in all; 0 where hardly."""
    least = max(0.02, _TOLERANCE * float(np.ptp(brightness)))
    dark: FloatArray = np.maximum(ground - brightness - least, 0.0)
    light: FloatArray = np.maximum(brightness - ground - least, 0.0)
    return dark if dark.sum() > light.sum() else light


def _read(path: str | os.PathLike[str], name: str) -> tuple[FloatArray, FloatArray]:
    """Return brightness and opacity of a file, (H, W) each, in 0 to 1, the longer side at most 256 pixels."""
    from PIL import Image, ImageOps

    large = f"{name}: more than {_MOST_PIXELS // 10**6} million pixels; make it smaller, {_LONGEST} a side are enough"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its size, for the limit here is another; of oddities in the file
            with Image.open(path) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise PictureError(large)
                image.draft("RGB", (2 * _LONGEST, 2 * _LONGEST))  # JPEG: a large photo is decoded at an eighth
                return _shrunk(ImageOps.exif_transpose(image))
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError(large) from None
    except Exception as error:  # noqa: BLE001 - decoders raise whatever a broken file brings about
        # The system's errors have a number; Pillow's own OSError, of a broken file, has none.
        if isinstance(error, OSError) and error.strerror:
            raise PictureError(f"{name}: cannot be opened ({error.strerror}); choose another file") from None
        raise PictureError(f"{name}: no picture, or a broken one; save it as PNG or JPEG") from None


def _shrunk(image: Image) -> tuple[FloatArray, FloatArray]:
    from PIL.Image import Resampling, fromarray

    if image.mode.startswith(("I", "F")):  # 16 or 32 bits of grey: from the darkest to the lightest that it has
        deep = np.asarray(image, dtype=np.float64)
        image = fromarray(np.uint8(255.0 * (deep - deep.min()) / (np.ptp(deep) or 1.0)))
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    shrink = min(1.0, _LONGEST / max(image.size))
    size = max(1, round(image.width * shrink)), max(1, round(image.height * shrink))
    small = image.resize(size, Resampling.BOX)
    brightness, opacity = (np.asarray(band, dtype=np.float64) / 255.0 for band in small.convert("LA").split())
    return brightness, opacity
