"""Known data sets by name, read and downloaded by torchvision. A local copy is used if there is one."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasbench.errors import DataError
from nasbench.training.idx import FASHION_CLASSES, has_splits, read_split
from nasbench.training.images import Images, LabeledImages

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Source:
    """A data set of torchvision.

    Attributes:
        dataset: name of the class in torchvision.datasets.
        files: folder of its files below the root.
        licence: licence of the images.
        instead: advice for a user who cannot download it.
    """

    dataset: str
    files: str
    licence: str
    instead: str = "use --data embedded"


SOURCES = {
    "fashion-mnist": Source(
        "FashionMNIST",
        "FashionMNIST/raw",
        "MIT, Copyright 2017 Zalando SE",
        "install Debian's dataset-fashion-mnist or use --data embedded",
    ),
    "mnist": Source("MNIST", "MNIST/raw", "CC BY-SA 3.0, Yann LeCun and Corinna Cortes"),
    "cifar10": Source("CIFAR10", "", "none stated, cite Krizhevsky 2009"),
    "cifar100": Source("CIFAR100", "", "none stated, cite Krizhevsky 2009"),
}


def load_named(name: str, root: Path) -> Images:
    """The data set `name`, a key of `SOURCES`, from the folder `root`; a missing one is downloaded into it.

    Raises:
        DataError: the data set is not there and cannot be downloaded, or its files are broken.
    """
    if name == "fashion-mnist" and has_splits(DEBIAN):
        train, test = (_tensors(*read_split(DEBIAN, part)) for part in ("train", "test"))
        return Images(name, train, test, FASHION_CLASSES, SOURCES[name].licence)
    source = SOURCES[name]
    train_set, test_set = _torchvision(name, source, root, train=True), _torchvision(name, source, root, train=False)
    train, test = (_tensors(part.data, part.targets) for part in (train_set, test_set))
    return Images(name, train, test, tuple(train_set.classes), source.licence)


def _torchvision(name: str, source: Source, root: Path, train: bool) -> Any:
    import torchvision  # takes about a second, and the embedded images do not need it

    dataset = getattr(torchvision.datasets, source.dataset)
    try:
        with contextlib.suppress(RuntimeError):  # torchvision raises it for a missing data set
            return dataset(root, train=train, download=False)
        with contextlib.redirect_stdout(io.StringIO()):
            return dataset(root, train=train, download=True)
    except PermissionError as error:
        raise DataError(f"cannot write {error.filename or root}: permission denied; use another --data-root") from error
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise DataError(
            f"{name} is not in {root} and cannot be downloaded ({reason}); {source.instead}, "
            f"or put torchvision's files for {source.dataset} into {root / source.files}"
        ) from error


def _tensors(pixels: np.ndarray | torch.Tensor, labels: np.ndarray | torch.Tensor | list[int]) -> LabeledImages:
    """Images from bytes (N, H, W) or (N, H, W, C)."""
    images = torch.as_tensor(np.array(pixels))
    images = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
    return LabeledImages(images, torch.as_tensor(np.array(labels)).long())
