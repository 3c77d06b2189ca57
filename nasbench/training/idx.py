"""IDX, the file format of MNIST (http://yann.lecun.com/exdb/mnist): two zeros, type, rank, the sizes, then the bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from nasbench.errors import DataError

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_PREFIX = {"train": "train", "test": "t10k"}


def has_splits(folder: Path) -> bool:
    """Whether a folder has all four files of a data set."""
    return all((folder / name).is_file() for part in _PREFIX for name in _names(part))


def read_split(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """The images, uint8 (N, H, W), and the labels, uint8 (N), of the part `train` or `test`.

    Raises:
        DataError: a file is missing or broken, or images and labels differ in number.
    """
    pixels, digits = (read_idx(folder / name) for name in _names(part))
    if pixels.ndim != 3 or digits.ndim != 1 or len(pixels) != len(digits):
        raise DataError(
            f"images and labels must match one to one; {folder} has {pixels.shape} images and {digits.shape} labels "
            f"for {part}; fetch the files again"
        )
    return pixels, digits


def read_idx(path: Path) -> np.ndarray:
    """The bytes of a gzipped IDX file as an array of the shape in its header.

    Raises:
        DataError: the file is missing, cut short, or not an IDX file of bytes.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"an IDX file is missing: {path}; name the folder that holds the four .gz files") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}; fetch the file again") from error
    rank = content[3] if content[:3] == b"\x00\x00\x08" and len(content) > 3 else 0
    sizes = [int.from_bytes(content[4 * i : 4 * i + 4], "big") for i in range(1, rank + 1)]
    data = content[4 + 4 * rank :]
    if rank == 0 or len(content) != 4 + 4 * rank + math.prod(sizes):
        raise DataError(f"{path} is not a whole IDX file of bytes: shape {sizes}, {len(data)} bytes; fetch it again")
    return np.frombuffer(data, dtype=np.uint8).reshape(sizes)


def _names(part: str) -> tuple[str, str]:
    return f"{_PREFIX[part]}-images-idx3-ubyte.gz", f"{_PREFIX[part]}-labels-idx1-ubyte.gz"
