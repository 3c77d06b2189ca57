"""The sample of Fashion-MNIST inside the package; `benchmarks/embedded_images.py` made it from the full set."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import torch

from nasbench.errors import DataError
from nasbench.training.idx import FASHION_CLASSES
from nasbench.training.images import Images, LabeledImages

FILE = Path(__file__).parent / "data" / "fashion_mnist_sample.npz"
SHA256 = "a422699f0fa01720214b735c61a740d8b51e4492d9e867255e0448dd0ef8ad12"
LICENCE = "MIT, Copyright 2017 Zalando SE, https://tech.zalando.com"
PER_CLASS = {"train": 1000, "test": 200}


def load_embedded(file: Path = FILE) -> Images:
    """10,000 training and 2,000 test images, 1x28x28, ten balanced classes, sorted by class.

    Raises:
        DataError: the file is missing or is not the one that this version came with.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"the embedded images cannot be read: {file}: {error.strerror}; reinstall nasbench") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != SHA256:
        raise DataError(f"the embedded images are damaged: {file} has SHA-256 {sha256[:12]}.., not {SHA256[:12]}..; reinstall nasbench")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        train, test = (
            LabeledImages(
                torch.from_numpy(arrays[f"{part}_images"]).unsqueeze(1),
                torch.from_numpy(arrays[f"{part}_labels"]).long(),
            )
            for part in PER_CLASS
        )
    return Images("embedded", train, test, FASHION_CLASSES, LICENCE)
