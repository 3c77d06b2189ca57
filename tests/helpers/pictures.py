"""Folders of pictures to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

# Parts of the two photographs that scikit-learn ships, each 427 x 640 pixels: (photograph, upper edge, lower edge, left edge, right edge).
SCENES = {
    "sky": ("china.jpg", 0, 100, 330, 640),
    "palace": ("china.jpg", 100, 330, 100, 330),
    "petals": ("flower.jpg", 110, 330, 190, 430),
    "leaves": ("flower.jpg", 0, 100, 0, 640),
}


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


def photographs(path: Path, training: int = 16, test: int = 6, side: int = 64) -> Path:
    """The folders `train` and `test` with four classes: crops of real photographs, as JPEG files.

    Test images are of the right third of each scene, which no training image shows.
    """
    draw = np.random.default_rng(0)
    for label, (name, top, bottom, left, right) in SCENES.items():
        scene = load_sample_image(name)[top:bottom, left:right]
        edge = scene.shape[1] * 2 // 3
        for split, part, count in (("train", scene[:, :edge], training), ("test", scene[:, edge:], test)):
            (path / split / label).mkdir(parents=True)
            for number in range(count):
                y, x = (int(draw.integers(0, length - side + 1)) for length in part.shape[:2])
                Image.fromarray(part[y : y + side, x : x + side]).save(path / split / label / f"{number}.jpg", quality=90)
    return path
