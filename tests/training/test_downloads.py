"""Named data sets: a local copy first, then a download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from nasbench.errors import DataError
from nasbench.training import downloads
from nasbench.training.data import load_images


class FakeCifar:
    """As torchvision's: refuses without a download, then has data (N, H, W, C), targets and classes."""

    error: Exception | None = None
    downloads = 0

    def __init__(self, root: Path, train: bool, download: bool) -> None:
        if not download and not FakeCifar.downloads:
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        if FakeCifar.error:
            raise FakeCifar.error
        FakeCifar.downloads += download
        self.data = np.zeros((6 if train else 4, 32, 32, 3), np.uint8)
        self.data[:, 0, 1, 2] = 9
        self.targets = [0, 1] * (3 if train else 2)
        self.classes = ["cat", "dog"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeCifar]:
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", FakeCifar)
    monkeypatch.setattr(FakeCifar, "error", None)
    monkeypatch.setattr(FakeCifar, "downloads", 0)
    return FakeCifar


def test_a_named_set_is_downloaded_once_and_turned_to_channels_first(fake: type[FakeCifar], tmp_path: Path) -> None:
    images = load_images("cifar10", tmp_path)
    assert fake.downloads == 1
    assert images.train.pixels.shape == (6, 3, 32, 32)
    assert (images.train.pixels[:, 2, 0, 1] == 9).all()
    assert images.test.labels.tolist() == [0, 1, 0, 1]
    assert images.test.labels.dtype == torch.int64
    assert images.classes == ("cat", "dog")
    load_images("cifar10", tmp_path)
    assert fake.downloads == 1


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (OSError("<urlopen error [Errno -2] Name or service not known>"), r"cannot be downloaded \(<urlopen.*use --data embedded"),
        (RuntimeError("Error downloading\nTried a mirror, got:\nHTTP Error 403\n"), "HTTP Error 403"),
        (PermissionError(13, "Permission denied", "/root/x"), "cannot write /root/x: permission denied"),
    ],
)
def test_a_failed_download_says_why_and_what_else_there_is(fake: type[FakeCifar], tmp_path: Path, error: Exception, rule: str) -> None:
    fake.error = error
    with pytest.raises(DataError, match=rule) as caught:
        load_images("cifar10", tmp_path)
    assert "\n" not in str(caught.value)


def test_fashion_mnist_names_the_debian_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise RuntimeError("no net")

    monkeypatch.setattr(downloads, "DEBIAN", tmp_path)
    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", unreachable)
    with pytest.raises(DataError, match="dataset-fashion-mnist"):
        load_images("fashion-mnist", tmp_path)


@pytest.mark.skipif(not downloads.has_splits(downloads.DEBIAN), reason="Debian's dataset-fashion-mnist is not installed")
def test_debians_fashion_mnist_is_used_without_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", None)
    images = load_images("fashion-mnist")
    assert len(images.train) == 60_000
    assert images.test.labels.bincount().tolist() == [1_000] * 10
