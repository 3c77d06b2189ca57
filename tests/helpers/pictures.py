"""Folders of pictures to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def make_folder(path: Path, *counts: int, side: int = 20) -> Path:
    """A class folder `c0`, `c1`, ... of that many images each; the red of class c is 60 * c."""
    for label, count in enumerate(counts):
        (path / f"c{label}").mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (side + number, side), (60 * label, 0, 0)).save(path / f"c{label}" / f"{number}.png")
    return path


def photos(path: Path, ending: str = "png", first: int = 0, **counts: int) -> Path:
    """A folder for each class, with that many pictures of 16 x 12 pixels. No two of them are equal, unless their `first` number is."""
    for name, count in counts.items():
        (path / name).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            pixels = np.random.default_rng([number, *name.encode()]).integers(0, 256, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path / name / f"{number}.{ending}")
    return path
