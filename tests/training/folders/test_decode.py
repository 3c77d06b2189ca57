"""Every mode of an image becomes RGB as it is meant to look, or is refused by name."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from pictures import photos
from PIL import Image

from nasbench.errors import DataError
from nasbench.training.data import load_images
from nasbench.training.folders.decode import decode, own_limits
from nasbench.training.summary import DataSummary

GREY = np.full((12, 16), 200, np.uint8)


def pixel(file: Path, levels: dict[str, tuple[float, float]] | None = None) -> list[int]:
    """The middle pixel of a decoded file."""
    with own_limits():
        decoded = decode(file, 8, levels)
    assert decoded.pixels is not None
    assert decoded.pixels.shape == (3, 8, 8)
    return decoded.pixels[:, 4, 4].tolist()


def palette() -> Image.Image:
    return Image.new("RGB", (16, 12), (10, 120, 200)).convert("P", palette=Image.Palette.ADAPTIVE)


def see_through() -> Image.Image:
    image = palette()
    image.info["transparency"] = image.getpixel((0, 0))
    return image


@pytest.mark.parametrize(
    ("image", "name", "expected"),
    [
        (Image.new("1", (16, 12), 1), "a.png", [255, 255, 255]),
        (Image.fromarray(GREY), "a.png", [200, 200, 200]),
        (palette(), "a.png", [10, 120, 200]),
        (Image.new("RGB", (16, 12), (1, 2, 3)), "a.png", [1, 2, 3]),
        (Image.new("RGBA", (16, 12), (10, 20, 30, 255)), "a.png", [10, 20, 30]),
        (Image.new("RGBA", (16, 12), (0, 0, 0, 0)), "a.png", [255, 255, 255]),  # what is hidden is not shown
        (Image.new("RGBA", (16, 12), (0, 0, 0, 128)), "a.png", [127, 127, 127]),
        (Image.new("LA", (16, 12), (7, 0)), "a.png", [255, 255, 255]),
        (see_through(), "a.gif", [255, 255, 255]),
        (Image.new("CMYK", (16, 12), (255, 0, 0, 0)), "a.tif", [0, 255, 255]),
        (Image.new("YCbCr", (16, 12), (90, 128, 128)), "a.tif", [90, 90, 90]),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else None,
)
def test_a_mode_looks_as_it_is_meant_to(tmp_path: Path, image: Image.Image, name: str, expected: list[int]) -> None:
    image.save(tmp_path / name, **({"transparency": image.info["transparency"]} if "transparency" in image.info else {}))
    assert pixel(tmp_path / name) == expected


def test_a_lab_image_is_close_to_its_colour(tmp_path: Path) -> None:
    Image.merge("LAB", [Image.new("L", (16, 12), value) for value in (255, 128, 128)]).save(tmp_path / "a.tif")
    assert min(pixel(tmp_path / "a.tif")) > 250


@pytest.mark.parametrize(
    ("values", "name", "levels", "expected"),
    [
        (np.full((12, 16), 32768, np.uint16), "a.png", {"integer": (0.0, 65535.0)}, 128),
        (np.full((12, 16), 2048, np.uint16), "a.tif", {"integer": (0.0, 4095.0)}, 128),
        (np.full((12, 16), 100000, np.int32), "a.tif", {"integer": (0.0, 200000.0)}, 128),
        (np.full((12, 16), 0.5, np.float32), "a.tif", {"float": (0.0, 1.0)}, 128),
        (np.full((12, 16), 9.0, np.float32), "a.tif", {"float": (0.0, 1.0)}, 255),
    ],
)
def test_deep_pixels_are_scaled_by_their_levels(
    tmp_path: Path, values: np.ndarray, name: str, levels: dict[str, tuple[float, float]], expected: int
) -> None:
    Image.fromarray(values).save(tmp_path / name)
    assert pixel(tmp_path / name, levels) == [expected] * 3


@pytest.mark.parametrize(
    ("top", "kind", "ending", "words"),
    [
        (65535, np.uint16, "png", "integer values 0 to 65535 become black to white"),
        (4000, np.uint16, "tif", "integer values 0 to 4095 become black to white"),
        (1.0, np.float32, "tif", "float values 0 to 1 become black to white"),
        (255.0, np.float32, "tif", "float values 0 to 255 become black to white"),
    ],
)
def test_the_range_of_a_folder_of_deep_images_is_found(tmp_path: Path, top: float, kind: type, ending: str, words: str) -> None:
    """They were white (16 bits) or black (fractions) before."""
    for label, name in enumerate(("dark", "light")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(6):
            values = np.full((10 + i, 10), top * (0.25 + 0.5 * label))
            values[0, 0] = top
            Image.fromarray(values.astype(kind)).save(tmp_path / "data" / name / f"{i}.{ending}")
    images = load_images(str(tmp_path / "data"), size=8)
    assert words in DataSummary.of(images).image_words()
    shades = images.train.pixels[:, 0, 5, 5].float() / 255
    assert shades.tolist() == pytest.approx([0.25 + 0.5 * label for label in images.train.labels.tolist()], abs=0.02)


def test_a_pixel_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    values = np.zeros((12, 16), np.float32)
    values[3, 3] = np.nan
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"broken image .*a\.tif: some of its pixels are not finite numbers"):
        pixel(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_stands_upright(tmp_path: Path, orientation: int) -> None:
    """The corner that EXIF calls the top left one is white, wherever it is stored."""
    stored = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}[orientation]
    values = np.zeros((32, 32), np.uint8)
    values[16 * stored[0] :, 16 * stored[1] :][:16, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(values).save(tmp_path / "a.png", exif=exif)
    with own_limits():
        upright = decode(tmp_path / "a.png", 8).pixels
    assert upright is not None
    corners = [upright[0, y, x] > 128 for y in (1, 6) for x in (1, 6)]
    assert corners == [True, False, False, False]


def test_damaged_exif_data_turn_nothing(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff no tags")
    assert pixel(tmp_path / "a.jpg") == [200, 200, 200]


def test_an_image_of_196_megapixels_is_read(tmp_path: Path) -> None:
    """Pillow takes it for an attack; it is the user's own photograph."""
    Image.new("L", (14_000, 14_000), 77).save(tmp_path / "a.png", compress_level=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pixel(tmp_path / "a.png") == [77, 77, 77]
    before = Image.MAX_IMAGE_PIXELS
    with own_limits():
        pass
    assert before == Image.MAX_IMAGE_PIXELS is not None


def test_an_image_that_is_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = Image.new("1", (1, 1))
    header.save(tmp_path / "a.bmp")
    content = bytearray((tmp_path / "a.bmp").read_bytes())
    content[18:26] = (40_000).to_bytes(4, "little") * 2
    (tmp_path / "a.bmp").write_bytes(content)
    with pytest.raises(DataError, match=r"it has 40000 x 40000 pixels; images of up to 536 megapixels are read"):
        pixel(tmp_path / "a.bmp")


def test_a_postscript_file_runs_nothing(tmp_path: Path) -> None:
    """Pillow would hand it to Ghostscript, whatever its ending."""
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n%%EOF\n")
    with pytest.raises(DataError, match="its content is not that of an image"):
        pixel(tmp_path / "a.jpg")


def test_the_first_picture_of_an_animation_is_read(tmp_path: Path) -> None:
    photos(tmp_path / "data", cat=5, dog=6)
    first, second = (Image.new("RGB", (16, 12), colour) for colour in ((0, 0, 255), (255, 0, 0)))
    first.save(tmp_path / "data" / "cat" / "moves.gif", save_all=True, append_images=[second])
    assert pixel(tmp_path / "data" / "cat" / "moves.gif") == [0, 0, 255]
    images = load_images(str(tmp_path / "data"), size=8)
    assert "the first picture of 1 animations" in DataSummary.of(images).image_words()


@pytest.mark.parametrize("ending", ["gif", "avif", "webp", "jp2", "jfif", "tga", "bmp", "qoi", "pcx", "ico", "sgi"])
def test_what_pillow_reads_is_read(tmp_path: Path, ending: str) -> None:
    """Of 200 files 180 were passed over without a word, because their ending was .gif."""
    known = Image.registered_extensions().get(f".{ending}")
    if known not in Image.OPEN or known not in Image.SAVE:
        pytest.skip(f"this Pillow cannot write .{ending}")
    photos(tmp_path / "data", cat=1, dog=6)
    for i in range(5):
        Image.new("RGB", (32, 32), (200, 40 * i, 0)).save(tmp_path / "data" / "cat" / f"x{i}.{ending}")
    images = load_images(str(tmp_path / "data"), size=8)
    assert len(images.train) + len(images.test) == 12
    assert DataSummary.of(images).ignored == ()
    greens = sorted(images.train.source[1:6, 1, 4, 4].tolist())
    assert greens == pytest.approx([0, 40, 80, 120, 160], abs=12)
