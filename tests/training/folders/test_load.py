"""A folder of class folders, decoded once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import make_folder
from PIL import Image

from nasbench.errors import DataError
from nasbench.training.data import load_images
from nasbench.training.shared_images import give_images, pack


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
    assert sorted(p.suffix for p in (own_cache / "decoded").iterdir()) == [".json", ".npy"]  # the stale copy is gone


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
    (kept,) = (own_cache / "decoded").glob("*.npy")
    kept.write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(DataError, match=kept.name):
        load_images(str(folder), size=8)


def test_damaged_notes_beside_the_cache_are_made_again(tmp_path: Path, own_cache: Path) -> None:
    folder = make_folder(tmp_path / "data", 5, 5)
    report = load_images(str(folder), size=8).report
    (notes,) = (own_cache / "decoded").glob("*.json")
    whole = json.loads(notes.read_text())
    for damage in ('{"modes": []}', "", "[" * 100_000, json.dumps(whole | {"equal": [[0, 99]]}), json.dumps(whole | {"modes": {"RGB": 1}})):
        notes.write_text(damage)
        assert load_images(str(folder), size=8).report == report


def test_workers_elsewhere_get_the_validation_images_and_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("train", "val", "test"):
        make_folder(tmp_path / "data" / name, 5, 6)
    images = load_images(str(tmp_path / "data"), size=8)
    monkeypatch.setattr("nasbench.training.shared_images._GIVEN", {})
    give_images(pack(images, ("elsewhere", None, 8)))
    there = load_images("elsewhere", size=8)
    assert there.validation is not None
    assert images.validation is not None
    assert torch.equal(there.validation.pixels, images.validation.pixels)
    assert (there.report, there.classes) == (images.report, images.classes)
