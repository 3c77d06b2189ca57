"""One image file as bytes of one size. Every mode of Pillow is converted so that the picture looks as it is meant to, or is refused."""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench.errors import DataError, first_line
from nasbench.training.folders.names import formats, shown

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 2**29  # of one image, which takes 1.6 GB of memory to decode
MANY_PIXELS = 2**24  # larger images are decoded one after the other
INTEGER, FLOAT = "integer", "float"
_DEEP = {"I;16": INTEGER, "I;16L": INTEGER, "I;16B": INTEGER, "I;16N": INTEGER, "I": INTEGER, "F": FLOAT}
_PLAIN = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV", "LAB")
_ALPHA = ("LA", "PA", "RGBA")
_ORIENTATION = 0x0112  # the tag of EXIF
_one_large_image = threading.Lock()

Levels = Mapping[str, tuple[float, float]]  # of `integer` and `float` pixels: the values that become black and white


@dataclass(frozen=True, eq=False)
class Decoded:
    """One image.

    Attributes:
        pixels: uint8 (3, size, size); None where the pixels have more than 8 bits and no levels were given.
        extremes: the least and the largest value of such pixels.
        mode: of Pillow. width, height: in pixels, as stored.
        animated: whether the file has several pictures, of which this is the first.
        digest: of the bytes of the file.
    """

    pixels: np.ndarray | None
    extremes: tuple[float, float] | None
    mode: str
    width: int
    height: int
    animated: bool
    digest: bytes

    @property
    def depth(self) -> str | None:
        """`integer` or `float` where the pixels have more than 8 bits, else None."""
        return _DEEP.get(self.mode)


@contextmanager
def own_limits() -> Iterator[None]:
    """Replace Pillow's limit on the size of an image, which is meant for servers, by `MOST_PIXELS`; its warnings are not shown.

    The limit is global in Pillow, so this encloses all threads that decode.
    """
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def decode(file: Path, size: int, levels: Levels | None = None) -> Decoded:
    """Decode one image within `own_limits`: upright, the short side resized to `size`, the centre cropped.

    - Transparent pixels are shown on white, as most viewers show them.
    - Pixels of more than 8 bits become black at the lower of their `levels` and white at the upper one.
    - Of an animation the first picture is taken.

    Raises:
        DataError: the file is not a complete image, is too large, or has a mode that cannot be converted.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {shown(file)}: {error.strerror}; give yourself permission, or move it away") from error
    try:
        return _decode(content, size, levels or {})
    except DataError as error:
        raise DataError(f"broken image {shown(file)}: {error}; replace or delete it") from None
    except MemoryError:
        raise DataError(f"not enough memory to decode {shown(file)}; make the image smaller") from None
    except Exception as error:  # Pillow's readers raise errors of many classes for damaged files
        raise DataError(f"broken image {shown(file)}: {_reason(error, content)}; replace or delete it") from error


def usual_levels(depth: str, low: float, high: float) -> tuple[float, float]:
    """The values that become black and white, from the least and the largest value of all images.

    Whole numbers are taken to have the fewest of 1, 8, 10, 12, 14, 16 and 32 bits that hold them all, fractions to lie between 0 and 1
    or 0 and 255. Where that cannot be, the extremes are taken.

    >>> usual_levels("integer", 3, 3900), usual_levels("integer", 0, 60000), usual_levels("float", 0.1, 0.9)
    ((0.0, 4095.0), (0.0, 65535.0), (0.0, 1.0))
    >>> usual_levels("float", -2.5, 7.5)
    (-2.5, 7.5)
    """
    whites = [2.0**bits - 1 for bits in (1, 8, 10, 12, 14, 16, 32)] if depth == INTEGER else [1.0, 255.0]
    fitting = [white for white in whites if low >= 0 and high <= white]
    if fitting:
        return 0.0, fitting[0]
    return low, high if high > low else low + 1


def _decode(content: bytes, size: int, levels: Levels) -> Decoded:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(content), formats=formats()) as opened:
        width, height = opened.size
        animated = bool(getattr(opened, "is_animated", False))
        if not 0 < width * height <= MOST_PIXELS:
            raise DataError(f"it has {width} x {height} pixels; images of up to {MOST_PIXELS // 10**6} megapixels are read")
        opened.draft("RGB", (size, size))  # lets a JPEG be decoded at 1/2, 1/4 or 1/8 of its size if that is enough
        with _one_large_image if opened.width * opened.height > MANY_PIXELS else nullcontext():
            opened.load()
            image = _upright(opened)
            mode, depth = image.mode, _DEEP.get(image.mode)
            extremes = pixels = None
            if depth is not None and depth not in levels:
                extremes = _extremes(image)
            else:
                image = _colours(image, levels)
                pixels = np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    return Decoded(pixels, extremes, mode, width, height, animated, hashlib.blake2b(content, digest_size=16).digest())


def _upright(image: Image) -> Image:
    """The image turned as its EXIF data say. Damaged EXIF data say nothing."""
    from PIL import ImageOps

    try:
        turned = image.getexif().get(_ORIENTATION, 1) in range(2, 9)
    except Exception:  # noqa: BLE001 - as above
        return image
    return ImageOps.exif_transpose(image) if turned else image


def _colours(image: Image, levels: Levels) -> Image:
    """The image as RGB.

    Raises:
        DataError: the mode is unknown, or a pixel is not a number.
    """
    from PIL import Image

    depth = _DEEP.get(image.mode)
    if depth is not None:
        low, high = levels[depth]
        values = _values(image)
        with np.errstate(over="ignore"):
            grey = ((values - np.float32(low)) * np.float32(255 / (high - low))).clip(0, 255).round().astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.mode in _ALPHA or (image.mode in _PLAIN and image.has_transparency_data):
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    if image.mode in _PLAIN:
        return image.convert("RGB")
    raise DataError(f"its mode {image.mode} cannot be converted to RGB; save it as RGB")


def _extremes(image: Image) -> tuple[float, float]:
    values = _values(image)
    return float(values.min()), float(values.max())


def _values(image: Image) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = np.asarray(image).astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError("some of its pixels are not finite numbers")
    return values


def _reason(error: Exception, content: bytes) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        if not content:
            return "the file is empty"
        if content[4:8] == b"ftyp":
            return f"its content is HEIF or a video ({content[8:12].decode('ascii', 'replace')}), whatever its name says; convert it"
        return "its content is not that of an image"
    return first_line(error)
