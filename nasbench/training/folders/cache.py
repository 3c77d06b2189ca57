"""The decoded images of a folder: a file of bytes that is mapped into memory, and beside it what the image files hold."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from nasbench.errors import DataError, NasbenchError
from nasbench.files import MALFORMED, cache_folder, write_atomic
from nasbench.training.folders.decode import Decoded, decode, own_limits, usual_levels
from nasbench.training.folders.report import Contents

RULES = 2  # number of the rules by which images are decoded: other rules need other files
CHUNK = 256  # images between two reports of the progress
NAMED = 5  # broken images that a message names
Progress = Callable[[int, int], None]


def decoded(path: Path, files: Sequence[Path], training: int, size: int, progress: Progress | None) -> tuple[np.ndarray, Contents]:
    """The pixels, uint8 (N, 3, size, size), mapped copy-on-write from a file in the cache folder, which is written first if it is missing.

    The file takes 3 * size * size bytes for an image. It is written again when a file of the folder has changed.

    Args:
        path: the folder of `files`.
        training: the first so many files are the training images; they decide what becomes black and white in images of more than 8 bits.
        progress: called with (images decoded, all images).

    Raises:
        DataError: an image is broken, or the cache folder cannot be used.
    """
    folder = cache_folder() / "decoded"
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]
    name = f"{place}-{size}-{_fingerprint(path, files)}"
    pixels_file, contents_file = folder / f"{name}.npy", folder / f"{name}.json"
    shape = (len(files), 3, size, size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        contents = _stored(contents_file, len(files)) if pixels_file.exists() else None
        if contents is None:
            contents = _Filling(files, training, size, progress).write(pixels_file)
            write_atomic(contents_file, json.dumps(contents.to_json()))
            for old in set(folder.glob(f"{place}-{size}-*")) - {pixels_file, contents_file}:
                old.unlink(missing_ok=True)
        pixels: np.ndarray = np.load(pixels_file, mmap_mode="c", allow_pickle=False)
        if pixels.shape != shape or pixels.dtype != np.uint8:
            raise ValueError(f"shape {pixels.shape}, not {shape}")
    except NasbenchError:
        raise
    except OSError as error:
        raise DataError(
            f"cannot keep {np.prod(shape) / 1e6:.0f} MB of decoded images in {folder}: {error.strerror or error}; "
            "free some space, choose a smaller size, or set NASBENCH_CACHE to another folder"
        ) from error
    except ValueError as error:
        raise DataError(f"the decoded images {pixels_file} are damaged: {error}; delete that file") from error
    return pixels, contents


def _stored(file: Path, count: int) -> Contents | None:
    """What `count` image files hold, as an earlier run found it; None where that is damaged or missing, so that they are read again."""
    try:
        contents = Contents.from_json(json.loads(file.read_text()))
    except (OSError, *MALFORMED):
        return None
    whole = sum(contents.modes.values()) == count and all(0 <= i < count for group in contents.equal for i in group)
    return contents if whole else None


def _fingerprint(path: Path, files: Sequence[Path]) -> str:
    """A digest of the names, sizes and modification times of all files."""
    digest = hashlib.sha256(f"rules {RULES}\n".encode())
    for file in files:
        status = file.stat()
        digest.update(os.fsencode(file.relative_to(path)) + f"\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]


@dataclass
class _Filling:
    """Decodes all files once; those of more than 8 bits twice, since all of them decide together what is black and white."""

    files: Sequence[Path]
    training: int
    size: int
    progress: Progress | None
    modes: Counter[str] = field(default_factory=Counter)
    sides: list[tuple[int, int]] = field(default_factory=list)
    animations: int = 0
    extremes: dict[int, tuple[str, float, float]] = field(default_factory=dict)
    digests: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    broken: list[str] = field(default_factory=list)

    def write(self, target: Path) -> Contents:
        """Decode all files into `target`, which gets its name when it is complete.

        Raises:
            DataError: images are broken; the message names the first.
        """
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            pixels = open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(len(self.files), 3, self.size, self.size))
            with temporary.open("r+b") as file:  # writing to a mapped file on a full disk ends in SIGBUS, so reserve the space first
                os.posix_fallocate(file.fileno(), 0, temporary.stat().st_size)
            with own_limits(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
                for start in range(0, len(self.files), CHUNK):
                    part = range(start, min(start + CHUNK, len(self.files)))
                    for position, image in zip(part, pool.map(self._decoded, part), strict=True):
                        self._note(position, image, pixels)
                    if self.progress:
                        self.progress(part.stop, len(self.files))
                if self.broken:
                    raise DataError(self._broken())
                levels = self._levels()
                deep = list(self.extremes)
                for position, image in zip(deep, pool.map(lambda i: decode(self.files[i], self.size, levels), deep), strict=True):
                    pixels[position] = image.pixels
            pixels.flush()
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        return Contents(
            modes=dict(self.modes.most_common()),
            widths=_spread([width for width, _ in self.sides]),
            heights=_spread([height for _, height in self.sides]),
            animations=self.animations,
            levels=levels,
            equal=tuple(tuple(group) for group in self.digests.values() if len(group) > 1),
        )

    def _decoded(self, position: int) -> Decoded | str:
        """The image, or why it cannot be decoded."""
        try:
            return decode(self.files[position], self.size)
        except DataError as error:
            return str(error)

    def _note(self, position: int, image: Decoded | str, pixels: np.ndarray) -> None:
        if isinstance(image, str):
            self.broken.append(image)
            return
        self.modes[image.mode] += 1
        self.sides.append((image.width, image.height))
        self.animations += image.animated
        self.digests[image.digest].append(position)
        if image.pixels is not None:
            pixels[position] = image.pixels
        elif image.depth is not None and image.extremes is not None:
            self.extremes[position] = (image.depth, *image.extremes)

    def _levels(self) -> dict[str, tuple[float, float]]:
        levels = {}
        for depth in {depth for depth, _, _ in self.extremes.values()}:
            own = {i: ends for i, (kind, *ends) in self.extremes.items() if kind == depth}
            ends = [ends for i, ends in own.items() if i < self.training] or list(own.values())
            levels[depth] = usual_levels(depth, min(low for low, _ in ends), max(high for _, high in ends))
        return levels

    def _broken(self) -> str:
        if len(self.broken) == 1:
            return self.broken[0]
        more = f"; and {len(self.broken) - NAMED} more" if len(self.broken) > NAMED else ""
        return f"{len(self.broken)} images cannot be read: {'; '.join(self.broken[:NAMED])}{more}"


def _spread(values: list[int]) -> tuple[int, int, int]:
    ordered = sorted(values)
    return ordered[0], ordered[len(ordered) // 2], ordered[-1]
