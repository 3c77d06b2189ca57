"""A folder of images as a data set. It is decoded once into a file of bytes, which later runs and all trials map into memory."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from nasbench.errors import DataError
from nasbench.training.folders.cache import Progress, decoded
from nasbench.training.folders.listing import Listing, list_folder
from nasbench.training.folders.names import TEST, TRAIN, VALIDATION, shown
from nasbench.training.folders.report import Contents, Duplicates, FolderReport
from nasbench.training.images import VALIDATION_WORDS, Images, LabeledImages, split

TEST_SHARE = 0.2
LICENCE = "not known to nasbench (your own images)"


def load_folder(path: Path, size: int, progress: Progress | None = None) -> Images:
    """The images below `path` as RGB of `size` x `size` pixels: the short side is resized, then the centre is cropped.

    `path` holds class folders, or splits with class folders: `train`, and perhaps `validation` and `test`, by any of their usual names.
    Without `test`, `validation` is the test set. Without either, a fifth of each class becomes the test set, the same fifth each time.

    Memory does not grow with the number of images, see cache.py. The report of the images says what was understood of the folder.

    Raises:
        DataError: the folder does not exist or cannot be understood, a class has too few images, or an image is broken.
    """
    if not os.path.exists(path):  # also False for a name that is too long
        raise DataError(f"images must be in a folder of class folders; {shown(path)[:300]} does not exist; check the path")
    if not path.is_dir():
        raise DataError(f"images must be in a folder of class folders; {shown(path)} is a file; name its folder")
    try:
        listing = list_folder(path)
        files = listing.files
        mapped, contents = decoded(path, files, len(listing.splits[TRAIN].files), size, progress)
    except OSError as error:
        raise DataError(f"cannot read {shown(error.filename or path)}: {error.strerror}; give yourself permission") from error
    pixels = torch.from_numpy(mapped)
    parts: dict[str, LabeledImages] = {}
    start = 0
    for role, files_of in listing.splits.items():
        parts[role] = LabeledImages(pixels[start : start + len(files_of.files)], torch.tensor(files_of.labels))
        start += len(files_of.files)
    train, test = parts[TRAIN], parts.get(TEST, parts.get(VALIDATION))
    positions = {role: set(range(*_ends(listing, role))) for role in listing.splits}
    if test is None:
        train, test = split(train, TEST_SHARE, seed=0)
        positions = {role: set(part.rows.tolist()) for role, part in ((TRAIN, train), (TEST, test)) if part.rows is not None}
    validation = parts[VALIDATION] if TEST in parts and VALIDATION in parts else None
    labels = [label for part in listing.splits.values() for label in part.labels]
    report = FolderReport(_sources(path, listing), contents, _duplicates(contents, positions, labels), listing.ignored)
    return Images(shown(path), train, test, listing.classes, LICENCE, validation=validation, report=report)


def _ends(listing: Listing, role: str) -> tuple[int, int]:
    """Where the files of a split begin and end among all files."""
    start = 0
    for name, part in listing.splits.items():
        if name == role:
            break
        start += len(part.files)
    return start, start + len(listing.splits[role].files)


def _sources(path: Path, listing: Listing) -> dict[str, str]:
    """Where the images of each split come from, in words."""
    places = {role: shown(path / folder) for role, folder in listing.folders.items()}
    validation, test = places.get(VALIDATION), places.get(TEST)
    if test is None and validation is not None:
        return {TRAIN: places[TRAIN], VALIDATION: VALIDATION_WORDS, TEST: f"{validation}, since there is no folder for the test"}
    return {TRAIN: places[TRAIN], VALIDATION: validation or VALIDATION_WORDS, TEST: test or "a fifth of the images of each class"}


def _duplicates(contents: Contents, positions: dict[str, set[int]], labels: list[int]) -> Duplicates:
    across = 0
    for group in contents.equal:
        owners = {i: role for role, own in positions.items() for i in group if i in own}
        if len(set(owners.values())) > 1:
            kept = TRAIN if TRAIN in owners.values() else min(owners.values())
            across += sum(role != kept for role in owners.values())
    return Duplicates(
        images=sum(len(group) - 1 for group in contents.equal),
        across=across,
        classes=sum(len({labels[i] for i in group}) > 1 for group in contents.equal),
    )
