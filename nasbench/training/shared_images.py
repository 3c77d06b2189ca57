"""Images that a process gets from the driver, because workers on other machines do not have the files."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nasbench.training.images import Images, LabeledImages

Key = tuple[str, str | None, int]  # arguments of `load_images`: name or path, root, size

_GIVEN: dict[Key, Images] = {}


@dataclass(frozen=True)
class PackedImages:
    """A data set as plain arrays, which Ray's object store passes on without a copy.

    Attributes:
        key: the arguments of `load_images` that return these images.
        sources: pixels; an array that both parts use is stored once.
        parts: for `train`, `test`, and `validation` where there is one: position in `sources`, labels, and rows.
        fields: name, classes, licence and report.
    """

    key: Key
    sources: tuple[np.ndarray, ...]
    parts: dict[str, tuple[int, np.ndarray, np.ndarray | None]]
    fields: dict[str, Any]

    @property
    def bytes(self) -> int:
        """The size of the pixels in bytes."""
        return sum(source.nbytes for source in self.sources)


def pack(images: Images, key: Key) -> PackedImages:
    """The images as plain arrays, for `give_images`."""
    sources: dict[int, np.ndarray] = {}
    parts = {}
    for name, part in (("train", images.train), ("test", images.test), ("validation", images.validation)):
        if part is None:
            continue
        where = part.source.data_ptr()
        sources.setdefault(where, part.source.numpy())
        rows = None if part.rows is None else part.rows.numpy()
        parts[name] = (list(sources).index(where), part.labels.numpy(), rows)
    fields = {"name": images.name, "classes": images.classes, "licence": images.licence, "report": images.report}
    return PackedImages(key, tuple(sources.values()), parts, fields)


def give_images(packed: PackedImages) -> None:
    """Make `load_images` return these images in this process when it is called with the arguments of their key."""
    with warnings.catch_warnings():  # arrays of an object store are read-only; nothing writes into images
        warnings.filterwarnings("ignore", message=".*not writable", category=UserWarning)
        sources = [torch.from_numpy(source) for source in packed.sources]
        parts = {
            name: LabeledImages(sources[i], torch.from_numpy(labels), None if rows is None else torch.from_numpy(rows))
            for name, (i, labels, rows) in packed.parts.items()
        }
    train, test, validation = parts["train"], parts["test"], parts.get("validation")
    _GIVEN[packed.key] = Images(train=train, test=test, validation=validation, **packed.fields)


def given_images(key: Key) -> Images | None:
    """The images that this process holds for a key, or None."""
    return _GIVEN.get(key)
