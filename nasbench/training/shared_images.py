"""Images that a process was given, instead of the files they were read from: workers on other machines have no such files."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nasbench.training.images import Images, LabeledImages

Key = tuple[str, str | None, int]  # of `load_images`: name or path, root, size

_GIVEN: dict[Key, Images] = {}


@dataclass(frozen=True)
class PackedImages:
    """A data set as plain arrays, which Ray's object store hands out without a copy; images that two parts share are there once."""

    key: Key
    sources: tuple[np.ndarray, ...]
    parts: dict[str, tuple[int, np.ndarray, np.ndarray | None]]  # source, labels, rows
    fields: dict[str, Any]

    @property
    def bytes(self) -> int:
        """How large the images are."""
        return sum(source.nbytes for source in self.sources)


def pack(images: Images, key: Key) -> PackedImages:
    """`images` for `give_images`; `key` says what a task has to ask for to get them."""
    sources: dict[int, np.ndarray] = {}
    parts = {}
    for name, part in (("train", images.train), ("test", images.test)):
        where = part.source.data_ptr()
        sources.setdefault(where, part.source.numpy())
        rows = None if part.rows is None else part.rows.numpy()
        parts[name] = (list(sources).index(where), part.labels.numpy(), rows)
    fields = {"name": images.name, "classes": images.classes, "licence": images.licence}
    return PackedImages(key, tuple(sources.values()), parts, fields)


def give_images(packed: PackedImages) -> None:
    """From now on `load_images` of this process answers this key with these images."""
    with warnings.catch_warnings():  # arrays of an object store are read-only; nothing writes into images
        warnings.filterwarnings("ignore", message=".*not writable", category=UserWarning)
        sources = [torch.from_numpy(source) for source in packed.sources]
        train, test = (
            LabeledImages(sources[i], torch.from_numpy(labels), None if rows is None else torch.from_numpy(rows))
            for i, labels, rows in (packed.parts["train"], packed.parts["test"])
        )
    _GIVEN[packed.key] = Images(train=train, test=test, **packed.fields)


def given_images(key: Key) -> Images | None:
    """The images that this process was given for a key."""
    return _GIVEN.get(key)
