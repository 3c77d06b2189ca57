from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from pictures import make_folder
from PIL import Image

from nasbench.errors import DataError
from nasbench.training import downloads
from nasbench.training.data import NAMES, load_images


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("fashon-mnist", "did you mean fashion-mnist"),
        ("cifra10", "did you mean cifar10"),
        ("", "known are embedded"),
        ("/no/such/folder", "/no/such/folder does not exist"),
        ("./cifar10", "cifar10 does not exist"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(name: str, rule: str) -> None:
    with pytest.raises(DataError, match=rule) as caught:
        load_images(name)
    assert "\n" not in str(caught.value)


def test_the_default_needs_nothing() -> None:
    assert load_images().name == "embedded"
    assert "embedded" in NAMES


@pytest.mark.parametrize("size", [0, 7, 5000])
def test_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(DataError, match="8 to 1024"):
        load_images("embedded", size=size)


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


def test_a_plain_folder_keeps_a_fifth_of_each_class_for_the_test(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "data", 10, 20)
    images = load_images(str(folder), size=16)
    assert images.train.pixels.shape == (24, 3, 16, 16)
    assert images.train.labels.bincount().tolist() == [8, 16]
    assert images.test.labels.bincount().tolist() == [2, 4]
    assert not set(images.train.rows.tolist()) & set(images.test.rows.tolist())
    for part in (images.train, images.test):
        assert torch.equal(part.pixels[:, 0, 5, 5].long(), 60 * part.labels)
    again = load_images(str(folder), size=16)
    assert torch.equal(again.test.rows, images.test.rows)


@pytest.mark.parametrize("name", ["test", "val"])
def test_train_and_test_folders_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    make_folder(tmp_path / "data" / "train", 5, 6)
    make_folder(tmp_path / "data" / name, 2, 1)
    images = load_images(str(tmp_path / "data"), size=8)
    assert images.train.labels.bincount().tolist() == [5, 6]
    assert images.test.labels.tolist() == [0, 0, 1]
    assert torch.equal(images.test.pixels[:, 0, 4, 4].long(), 60 * images.test.labels)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "vehicles", 5, 5)
    (folder / "c0").rename(folder / "train")
    assert load_images(str(folder), size=8).classes == ("c1", "train")


def test_images_are_cut_from_the_middle_and_turned_upright(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "data", 5, 5)
    wide = Image.new("RGB", (60, 20), (255, 0, 0))
    wide.paste((0, 255, 0), (20, 0, 40, 20))
    wide.save(folder / "c0" / "0.png")
    lying = Image.new("RGB", (32, 32))
    lying.paste((0, 0, 255), (0, 0, 32, 8))  # blue on top, to be turned by 180 degrees
    exif = Image.Exif()
    exif[0x0112] = 3
    lying.save(folder / "c0" / "1.png", exif=exif)
    pixels = load_images(str(folder), size=16).train.source
    assert pixels[0, :, 2:14, 2:14].flatten(1).unique(dim=1).tolist() == [[0], [255], [0]]
    assert pixels[1, 2, 1, 8] == 0
    assert pixels[1, 2, 14, 8] == 255


def test_decoding_is_done_once_and_again_after_a_change(tmp_path: Path, own_cache: Path) -> None:
    folder = make_folder(tmp_path / "data", 5, 5)
    steps: list[tuple[int, int]] = []
    load_images(str(folder), size=8, progress=lambda done, total: steps.append((done, total)))
    load_images(str(folder), size=8, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(10, 10)]
    Image.new("RGB", (20, 20), (200, 0, 0)).save(folder / "c0" / "0.png")
    os.utime(folder / "c0" / "0.png", (1, 1))
    assert load_images(str(folder), size=8).train.source[0, 0, 4, 4] == 200
    assert len(list((own_cache / "decoded").iterdir())) == 1  # the stale copy is gone


def test_writing_to_loaded_pixels_leaves_the_cache_alone(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "data", 5, 5)
    load_images(str(folder), size=8).train.source.fill_(77)
    assert not (load_images(str(folder), size=8).train.source == 77).any()


def one_class(folder: Path) -> None:
    make_folder(folder, 6)


def too_few(folder: Path) -> None:
    make_folder(folder, 6, 4)


def empty_class(folder: Path) -> None:
    make_folder(folder, 6, 6)
    (folder / "empty").mkdir()


def broken_image(folder: Path) -> None:
    make_folder(folder, 6, 6)
    (folder / "c1" / "3.png").write_bytes(b"this is no picture")


def cut_image(folder: Path) -> None:
    make_folder(folder, 6, 6)
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "c1" / "3.jpg")
    whole = (folder / "c1" / "3.jpg").read_bytes()
    (folder / "c1" / "3.jpg").write_bytes(whole[: len(whole) // 2])


def other_classes(folder: Path) -> None:
    make_folder(folder / "train", 6, 6)
    make_folder(folder / "val", 6, 6, 6)


def a_file(folder: Path) -> None:
    folder.write_text("images")


def nothing(folder: Path) -> None:
    folder.mkdir()


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (one_class, r"two class folders are needed; .*data has 1 \(c0\)"),
        (nothing, r"two class folders are needed; .*data has 0 \(none\)"),
        (too_few, r"at least 5 images; .*c1 has 4"),
        (empty_class, r"at least 5 images; .*empty has 0"),
        (broken_image, r"broken image .*c1/3\.png"),
        (cut_image, r"broken image .*c1/3\.jpg"),
        (other_classes, r"same class folders; .*c2"),
        (a_file, r"data is a file"),
    ],
)
def test_a_bad_folder_is_refused_by_name(tmp_path: Path, own_cache: Path, make, rule: str) -> None:
    make(tmp_path / "data")
    with pytest.raises(DataError, match=rule) as caught:
        load_images(str(tmp_path / "data"), size=8)
    assert "\n" not in str(caught.value)
    assert not list(own_cache.glob("decoded/.*"))  # nothing half made is left


def test_what_systems_leave_in_folders_is_passed_over(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "data", 5, 5)
    (folder / ".git").mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "c0" / "._0.png").write_bytes(b"macOS")
    (folder / "c0" / "Thumbs.db").write_bytes(b"Windows")
    assert len(load_images(str(folder), size=8).train.source) == 10


def test_a_cache_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path / "data", 5, 5)
    (tmp_path / "blocked").write_text("a file where the folder should be")
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "blocked"))
    with pytest.raises(DataError, match="set NASBENCH_CACHE"):
        load_images(str(folder), size=8)


def test_a_full_disk_is_an_error_and_not_a_crash(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"No space left.*smaller size"):
        load_images(str(make_folder(tmp_path / "data", 5, 5)), size=8)
    assert not list((own_cache / "decoded").iterdir())


def test_a_damaged_cache_is_named(tmp_path: Path, own_cache: Path) -> None:
    folder = make_folder(tmp_path / "data", 5, 5)
    load_images(str(folder), size=8)
    (kept,) = (own_cache / "decoded").iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(DataError, match=kept.name):
        load_images(str(folder), size=8)
