"""A folder of class folders. It is decoded once into a file of bytes, which later runs and all trials map into memory."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap

from nasbench.errors import DataError, first_line
from nasbench.files import cache_folder
from nasbench.training.images import Images, LabeledImages, split

MINIMUM = 5  # images of a class: three to train, one to validate, one to test
TEST_SHARE = 0.2
TEST_NAMES = ("test", "val", "valid", "validation")
LICENCE = "not known to nasbench (your own images)"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Listing:
    """Image files with their labels, in a fixed order; a label is a position in `classes`."""

    classes: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[int, ...]


def load_folder(path: Path, size: int, progress: Progress | None = None) -> Images:
    """The images below `path` as RGB of `size` x `size` pixels: the short side is resized, then the centre is cropped.

    `path` holds either `train` and a test set, or class folders. The test set is the first of `test`, `val`, `valid` and
    `validation` that exists. With class folders, a fifth of each class becomes the test set, the same fifth each time.

    The memory does not grow with the number of images. Each image is decoded into a file in the cache folder, which takes 3 *
    size * size bytes for an image and is mapped into memory. The file is made again when a file of the folder has changed.

    Raises:
        DataError: the folder does not exist, has fewer than two classes or too few images of a class, or an image is broken.
    """
    if not path.exists():
        raise DataError(f"images must be in a folder of class folders; {path} does not exist; check the path")
    if not path.is_dir():
        raise DataError(f"images must be in a folder of class folders; {path} is a file; name its folder")
    try:
        train_path, test_path = _parts(path)
        train = _list(train_path, MINIMUM)
        test = _list(test_path, 1, train.classes) if test_path else None
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror}; give yourself permission") from error
    files = train.files + (test.files if test else ())
    pixels = torch.from_numpy(_decoded(path, files, size, progress))
    training = LabeledImages(pixels[: len(train.files)], torch.tensor(train.labels))
    if test:
        testing = LabeledImages(pixels[len(train.files) :], torch.tensor(test.labels))
    else:
        training, testing = split(training, TEST_SHARE, seed=0)
    return Images(str(path), training, testing, train.classes, LICENCE)


def _parts(path: Path) -> tuple[Path, Path | None]:
    """The folders of the training and test images. A folder `train` without folders inside is a class of that name."""
    train = path / "train"
    if not train.is_dir() or not _folders(train):
        return path, None
    return train, next((path / name for name in TEST_NAMES if (path / name).is_dir()), None)


def _folders(path: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith("."))


def _list(path: Path, minimum: int, classes: tuple[str, ...] | None = None) -> Listing:
    """The images of each class folder; a test set has to have the classes of the training set, `classes`."""
    from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset

    names = tuple(_folders(path))
    if classes is None and len(names) < 2:
        listed = ", ".join(names) or "none"
        raise DataError(f"two class folders are needed; {path} has {len(names)} ({listed}); add one for each class")
    if classes is not None and names != classes:
        odd = ", ".join(sorted(set(names) ^ set(classes))[:5])
        raise DataError(f"training and test images must have the same class folders; {path} differs in: {odd}")

    def is_image(name: str) -> bool:  # macOS writes files such as "._x.jpg" beside x.jpg
        return name.lower().endswith(IMG_EXTENSIONS) and not os.path.basename(name).startswith(".")

    samples = make_dataset(path, {name: i for i, name in enumerate(names)}, is_valid_file=is_image, allow_empty=True)
    counts = Counter(label for _, label in samples)
    for label, name in enumerate(names):
        if counts[label] < minimum:
            raise DataError(
                f"each class needs at least {minimum} images; {path / name} has {counts[label]} "
                f"({', '.join(IMG_EXTENSIONS)} are read); add images or move the folder away"
            )
    return Listing(names, tuple(Path(file) for file, _ in samples), tuple(label for _, label in samples))


def _decoded(path: Path, files: tuple[Path, ...], size: int, progress: Progress | None) -> np.ndarray:
    """The pixels, uint8 (N, 3, size, size), mapped copy-on-write from the cache file, which is written first if it is missing."""
    folder = cache_folder() / "decoded"
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"{place}-{size}-{_fingerprint(path, files)}.npy"
    shape = (len(files), 3, size, size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / name).exists():
            _fill(folder / name, files, shape, progress)
            for old in set(folder.glob(f"{place}-{size}-*.npy")) - {folder / name}:
                old.unlink(missing_ok=True)
        pixels: np.ndarray = np.load(folder / name, mmap_mode="c", allow_pickle=False)
        if pixels.shape != shape or pixels.dtype != np.uint8:
            raise ValueError(f"shape {pixels.shape}, not {shape}")
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"cannot keep {np.prod(shape) / 1e6:.0f} MB of decoded images in {folder}: {error.strerror or error}; "
            "free some space, choose a smaller size, or set NASBENCH_CACHE to another folder"
        ) from error
    except ValueError as error:
        raise DataError(f"the decoded images {folder / name} are damaged: {error}; delete that file") from error
    return pixels


def _fingerprint(path: Path, files: tuple[Path, ...]) -> str:
    """A digest of the names, sizes and modification times of all files."""
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.relative_to(path)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:12]


def _fill(target: Path, files: tuple[Path, ...], shape: tuple[int, ...], progress: Progress | None) -> None:
    """Decode all files into `target`, which gets its name when it is complete."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        pixels = open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        with temporary.open("r+b") as file:  # writing to a mapped file on a full disk ends in SIGBUS, so reserve the space first
            os.posix_fallocate(file.fileno(), 0, temporary.stat().st_size)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            chunk = 256
            for start in range(0, len(files), chunk):
                part = files[start : start + chunk]
                for offset, image in enumerate(pool.map(lambda name: decode(name, shape[-1]), part)):
                    pixels[start + offset] = image
                if progress:
                    progress(start + len(part), len(files))
        pixels.flush()
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def decode(file: Path, size: int) -> np.ndarray:
    """One image as uint8 (3, size, size).

    Raises:
        DataError: the file is not a complete image.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            opened.draft("RGB", (size, size))  # lets a JPEG be decoded at 1/2, 1/4 or 1/8 of its size if that is enough
            image = ImageOps.exif_transpose(opened).convert("RGB")
        return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    except Exception as error:
        reason = first_line(error).replace(str(file), "").strip()
        raise DataError(f"broken image {file}: {reason}; replace or delete it") from error
