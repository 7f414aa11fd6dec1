"""Pictures and words as densities, and what cannot be one."""

from __future__ import annotations

import io
from time import thread_time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nodeviz.problems.pictures import PictureDensity, PictureError, density_from_picture
from nodeviz.problems.words import density_from_word

if TYPE_CHECKING:
    from pathlib import Path


def disc(size: int = 64, ink: int = 0, ground: int = 255) -> Any:
    """Return a picture (size, size): a disc in the upper left quarter."""
    row, column = np.indices((size, size))
    inside = np.hypot(row - 0.25 * size, column - 0.25 * size) < 0.2 * size
    return np.where(inside, ink, ground).astype(np.uint8)


def saved(folder: Path, image: Image.Image, name: str = "disc.png", **options: Any) -> Path:
    image.save(folder / name, **options)
    return folder / name


def middle(density: PictureDensity) -> Any:
    return density.sample(20_000, np.random.default_rng(0)).mean(axis=0)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "P", "1", "LA", "RGBA", "YCbCr", "HSV"])
def test_every_colour_mode_gives_the_same_density(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(disc()).convert("RGB" if mode in ("LA", "CMYK") else "L").convert(mode)
    name = "disc.jpg" if mode in ("CMYK", "YCbCr") else "disc.tif" if mode == "HSV" else "disc.png"
    if mode == "HSV":
        image = image.convert("RGB")
    density = density_from_picture(saved(tmp_path, image, name))
    assert density.mass.shape == (64, 64)
    # The disc lies at upper left: up is +y.
    np.testing.assert_allclose(middle(density), (-2.0, 2.0), atol=0.1)


@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (255, 0), (200, 30), (40, 180), (250, 128)])
def test_the_ground_may_be_light_or_dark(tmp_path: Path, ink: int, ground: int) -> None:
    density = density_from_picture(saved(tmp_path, Image.fromarray(disc(ink=ink, ground=ground))))
    assert (density.mass > 0).mean() == pytest.approx(np.pi * 0.04, rel=0.05)
    np.testing.assert_allclose(middle(density), (-2.0, 2.0), atol=0.1)


def test_the_grain_of_an_even_ground_is_no_ink(tmp_path: Path) -> None:
    grain = np.random.default_rng(0).integers(-6, 7, (64, 64))
    pixels = np.clip(disc(ink=20, ground=240).astype(int) + grain, 0, 255).astype(np.uint8)
    density = density_from_picture(saved(tmp_path, Image.fromarray(pixels), "disc.jpg", quality=60))
    assert (density.mass > 0).mean() < 0.16


def test_greys_weigh_as_they_differ_from_the_ground(tmp_path: Path) -> None:
    pixels = np.full((8, 16), 255, np.uint8)
    pixels[2:6, 2:6], pixels[2:6, 10:14] = 0, 128
    mass = density_from_picture(saved(tmp_path, Image.fromarray(pixels))).mass
    assert mass[3, 11] / mass[3, 3] == pytest.approx(0.5, abs=0.05)


def test_transparent_ground_leaves_what_is_opaque_whatever_its_colour(tmp_path: Path) -> None:
    for colour in (0, 255):
        pixels = np.dstack([np.full((64, 64), colour, np.uint8), 255 - disc()])
        density = density_from_picture(saved(tmp_path, Image.fromarray(pixels, "LA")))
        np.testing.assert_allclose(middle(density), (-2.0, 2.0), atol=0.1)


def test_sixteen_bits_of_grey(tmp_path: Path) -> None:
    deep = Image.fromarray(disc(ink=10, ground=200).astype(np.uint16) * 40)
    density = density_from_picture(saved(tmp_path, deep))
    np.testing.assert_allclose(middle(density), (-2.0, 2.0), atol=0.1)


def test_photos_that_lie_on_their_side_are_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: the upper left comes to the upper right
    density = density_from_picture(saved(tmp_path, Image.fromarray(disc()), "disc.jpg", exif=exif))
    np.testing.assert_allclose(middle(density), (2.0, 2.0), atol=0.1)


@pytest.mark.parametrize(("width", "height"), [(640, 320), (320, 640), (300, 1), (1, 300), (3, 2)])
def test_the_longer_side_reaches_from_minus_4_to_4(tmp_path: Path, width: int, height: int) -> None:
    pixels = np.full((height, width), 255, np.uint8)
    pixels[: max(1, height // 2), : max(1, width // 2)] = 0
    density = density_from_picture(saved(tmp_path, Image.fromarray(pixels)))
    assert max(density.mass.shape) <= 256
    assert max(density.mass.shape) * density.pixel == pytest.approx(8.0)
    x = density.sample(5_000, np.random.default_rng(0))
    assert np.abs(x).max() <= 4.0
    assert np.abs(x[:, int(height > width)]).max() > 3.9
    # About half of the side, in the picture's own proportions.
    assert np.ptp(x, axis=0)[0] == pytest.approx(8.0 * max(1, width // 2) / max(width, height), abs=0.1)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_samples_fill_pixels_as_their_mass_says(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ink = np.where(rng.random((height, width)) < 0.4, 0.0, rng.random((height, width)))
    ink[rng.integers(height), rng.integers(width)] = 1.0
    density = PictureDensity.of(ink)
    x = density.sample(4_000, rng)
    log_prob = density.log_prob(x)
    assert np.isfinite(log_prob).all()
    spread = log_prob.std() / np.sqrt(len(x))
    assert log_prob.mean() == pytest.approx(density.entropy_bound, abs=5.0 * spread + 1e-9)
    assert np.isneginf(density.log_prob(np.array([[4.1, 0.0], [0.0, -4.1], [1e9, 1e9]]))).all()
    # The most probable pixel is where it was drawn: rows downwards.
    row, column = np.unravel_index(np.argmax(density.mass), density.mass.shape)
    place = np.array([[(column + 0.5 - width / 2) * density.pixel, (height / 2 - row - 0.5) * density.pixel]])
    assert density.log_prob(place)[0] == pytest.approx(np.log(density.mass.max()) - 2 * np.log(density.pixel))


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_one_colour_is_said(tmp_path: Path, colour: int) -> None:
    for name in ("plain.png", "plain.jpg"):
        path = saved(tmp_path, Image.new("RGB", (50, 50), (colour, colour, colour)), name)
        with pytest.raises(PictureError, match=rf"^{name}: one colour throughout; choose a picture with"):
            density_from_picture(path)
    with pytest.raises(PictureError, match="one colour throughout"):
        density_from_picture(saved(tmp_path, Image.new("RGBA", (50, 50), (colour, colour, colour, 0))))


def test_fifty_megapixels_are_read(tmp_path: Path) -> None:
    image = Image.fromarray(disc(100)).resize((8_000, 6_400))
    for name in ("large.jpg", "large.png"):
        path = saved(tmp_path, image, name, **({"compress_level": 1} if name.endswith("png") else {}))
        start = thread_time()
        density = density_from_picture(path)
        assert thread_time() - start < 10.0
        assert density.mass.shape == (205, 256)
        assert middle(density)[0] == pytest.approx(-2.0, abs=0.1)


def test_more_than_a_hundred_megapixels_are_not_even_read(tmp_path: Path) -> None:
    for side in (10_001, 15_000):  # Pillow itself refuses the larger one
        path = saved(tmp_path, Image.new("1", (side, side)), "huge.png")
        start = thread_time()
        with pytest.raises(PictureError, match=r"^huge.png: more than 100 million pixels; make it smaller"):
            density_from_picture(path)
        assert thread_time() - start < 0.5


@pytest.mark.parametrize("content", [b"", b"not a picture", b"x,y\n1,2\n", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<svg/>"])
def test_what_is_no_picture_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.png").write_bytes(content)
    with pytest.raises(PictureError, match=r"^file.png: no picture, or a broken one; save it as PNG or JPEG$"):
        density_from_picture(tmp_path / "file.png")
    with pytest.raises(PictureError, match="cannot be opened"):
        density_from_picture(tmp_path)


@given(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]), st.integers(0, 2**32 - 1))
def test_broken_files_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, kind: str, seed: int) -> None:
    rng, content = np.random.default_rng(seed), io.BytesIO()
    Image.fromarray(disc()).save(content, kind)
    data = np.frombuffer(content.getvalue(), np.uint8).copy()
    data[rng.integers(0, len(data), rng.integers(0, 8))] = rng.integers(0, 256)
    path = tmp_path_factory.getbasetemp() / "broken"
    path.write_bytes(data[: rng.integers(1, len(data) + 1)].tobytes())
    message = ""
    try:
        assert density_from_picture(path).mass.sum() == pytest.approx(1.0)
    except PictureError as error:
        message = str(error)
    assert "\n" not in message


def test_a_word_is_drawn_upright() -> None:
    lower, upper = density_from_word("L"), density_from_word("T")
    # L has its bar below, T above.
    halves = [(mass[: len(mass) // 2].sum(), mass[len(mass) // 2 :].sum()) for mass in (lower.mass, upper.mass)]
    assert halves[0][0] < halves[0][1]
    assert halves[1][0] > halves[1][1]
    # The bar and the stem of L: ink on the left from top to bottom.
    assert lower.mass[:, : lower.mass.shape[1] // 3].sum() > 0.4


@pytest.mark.parametrize("word", ["node", "a b", "  trimmed  ", "x", "W" * 24, "e^-t!", "."])
def test_words_fit_the_view(word: str) -> None:
    density = density_from_word(word)
    x = density.sample(2_000, np.random.default_rng(0))
    assert max(density.mass.shape) * density.pixel == pytest.approx(8.0)
    assert np.abs(x).max() <= 4.0
    assert np.abs(x).max() > 3.7


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("", "word: nothing to draw; type a word"),
        (" \t\n", "word: nothing to draw"),
        ("a" * 25, "word: 25 characters, above the limit 24; type fewer"),
        ("a\x00b", "no font here has a glyph for U+0000; use Latin letters"),
        ("\U0010ffff", "no font here has a glyph for U+10FFFF"),
        ("\u200b", "no font here has a glyph for U+200B"),
        ("ok\ue123", "no font here has a glyph for U+E123"),
    ],
)
def test_what_cannot_be_drawn_is_said(word: str, message: str) -> None:
    with pytest.raises(PictureError) as caught:
        density_from_word(word)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_drawn_or_refused(word: str) -> None:
    message = ""
    try:
        assert density_from_word(word).mass.sum() == pytest.approx(1.0)
    except PictureError as error:
        message = str(error)
    assert "\n" not in message
