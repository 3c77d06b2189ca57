"""Images by the name of a data set or by folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from nasbench.errors import DataError, nearest, short
from nasbench.files import cache_folder
from nasbench.training.downloads import SOURCES, load_named
from nasbench.training.embedded import load_embedded
from nasbench.training.folders.load import load_folder
from nasbench.training.images import Images
from nasbench.training.shared_images import given_images

NAMES = ("embedded", *SOURCES)


def load_images(
    name_or_path: str = "embedded",
    root: Path | None = None,
    *,
    size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Images:
    """The data set of a name in `NAMES`, or the images of a folder (see folders/load.py); `./mnist` is a folder.

    A process that holds shared images of the same arguments (see shared_images.py) reads no files.

    Args:
        name_or_path: a name in `NAMES`, or the path of a folder.
        root: the folder of named sets, to which they are downloaded; by default `data` in the cache folder of nasbench.
        size: side in pixels at which the images of a folder are decoded, 8 to 1024; named sets have a size of their own.
        progress: called with (images decoded, all images) while a folder is decoded.

    Raises:
        DataError: the data set is unknown, missing or broken, or `size` is out of range.
    """
    if not 8 <= size <= 1024:
        raise DataError(f"images are decoded at 8 to 1024 pixels a side; got {size}; try 64")
    if (images := given_images((name_or_path, None if root is None else str(root), size))) is not None:
        return images
    if name_or_path == "embedded":
        return load_embedded()
    if name_or_path in SOURCES:
        return load_named(name_or_path, root or cache_folder() / "data")
    path = Path(os.path.expanduser(name_or_path))
    if not name_or_path or (not os.path.exists(path) and os.sep not in name_or_path):
        known = ", ".join(NAMES)
        raise DataError(f"no data set and no folder is called {short(name_or_path)}; known are {known}{nearest(name_or_path, NAMES)}")
    return load_folder(path, size, progress)
