"""Folders of pictures to train on."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


def make_folder(path: Path, *counts: int, side: int = 20) -> Path:
    """A class folder `c0`, `c1`, ... of that many images each; the red of class c is 60 * c."""
    for label, count in enumerate(counts):
        (path / f"c{label}").mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (side + number, side), (60 * label, 0, 0)).save(path / f"c{label}" / f"{number}.png")
    return path
