"""Folders of images as people have them: for each what is read, from where, and what is said; or why it is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pictures import photos
from PIL import Image

from nasbench.errors import DataError
from nasbench.training.data import load_images
from nasbench.training.images import training_and_validation
from nasbench.training.summary import DataSummary

FIFTH = "validation: 2, a fifth of the training images of each class"  # of 12 images


@dataclass(frozen=True)
class Understood:
    """What is expected of a folder: the images of each split, and words that the two lines hold."""

    counts: tuple[int, int, int]  # train, validation, test
    says: tuple[str, ...] = ()
    classes: tuple[str, ...] = ("cat", "dog")
    silent: tuple[str, ...] = field(default=("attention",))


CASES: dict[str, tuple[Callable[[Path], object], Understood | str]] = {}


def case(expected: Understood | str) -> Callable[[Callable[[Path], object]], None]:
    """Add a folder to the table; a text is the reason for which it is refused."""

    def add(make: Callable[[Path], object]) -> None:
        CASES[make.__name__] = (make, expected)

    return add


def splits(path: Path, *names: str) -> None:
    """Splits with 6 cats and 6 dogs each, all of them different."""
    for i, name in enumerate(names):
        photos(path / name, first=100 * i, cat=6, dog=6)


@case(Understood((15, 4, 5), ("2 classes: cat 11, dog 13", "test: 5, a fifth of the images of each class"), silent=("ignored",)))
def plain_class_folders(path: Path) -> None:
    photos(path, cat=11, dog=13)


@case(Understood((10, 2, 12), (FIFTH, "test: 12, ", "/test", "16 pixels wide and 12 high, 24 RGB")))
def train_and_test(path: Path) -> None:
    splits(path, "train", "test")


@case(Understood((10, 2, 12), (FIFTH, "/Test")))
def capitals(path: Path) -> None:
    splits(path, "Train", "Test")


@case(Understood((10, 2, 12), ("/testing",)))
def training_and_testing(path: Path) -> None:
    splits(path, "training", "testing")


@case(Understood((10, 2, 12), ("test: 12, ", "/VAL, since there is no folder for the test")))
def train_and_val_only(path: Path) -> None:
    splits(path, "TRAIN", "VAL")


@case(Understood((12, 12, 12), ("validation: 12, ", "/valid", "test: 12, ", "/test")))
def valid_beside_train_and_test(path: Path) -> None:
    splits(path, "train", "valid", "test")


@case(Understood((12, 12, 12), ("/Validation-Images", "/test_set")))
def names_of_several_words(path: Path) -> None:
    splits(path, "Training Set", "Validation-Images", "test_set")


@case(Understood((12, 12, 12), ("/devset", "/testset")))
def names_written_together(path: Path) -> None:
    splits(path, "trainset", "devset", "testset")


@case(Understood((10, 2, 12), ("/val2017",)))
def names_with_a_year(path: Path) -> None:
    splits(path, "train2017", "val2017")


@case(Understood((12, 12, 12), ("/validation", "/evaluation")))
def evaluation_is_a_test(path: Path) -> None:
    splits(path, "training", "validation", "evaluation")


@case(Understood((8, 2, 2), ("ignored: 3 images without a class folder", "a fifth of the images of each class")))
def a_flat_test_without_labels(path: Path) -> None:
    splits(path, "train")
    photos(path, first=500, test=3)


@case(Understood((8, 2, 2), ("ignored: 4 images without a class folder",)))
def a_test_of_unknown_images(path: Path) -> None:
    splits(path, "train")
    photos(path / "test", first=500, unknown=4)


@case(Understood((10, 2, 12), ("/val, since there is no folder for the test", "2 images without a class folder")))
def a_labelled_val_and_a_flat_test(path: Path) -> None:
    splits(path, "train", "val")
    photos(path, first=500, test=2)


@case(Understood((8, 2, 2), classes=("car", "train")))
def a_class_called_train(path: Path) -> None:
    photos(path, car=6, train=6)


@case(Understood((10, 2, 12), ("ignored: 1 folder beside the splits",)))
def another_folder_beside_the_splits(path: Path) -> None:
    splits(path, "train", "test")
    photos(path, first=500, unsorted=9)


@case("named like splits, but no training folder holds class folders")
def train_and_test_without_classes(path: Path) -> None:
    photos(path, train=8, test=8)


@case("has val and valid for validation; rename or move one")
def two_validation_splits(path: Path) -> None:
    splits(path, "train", "val", "valid")


@case("has Train and train for train; rename or move one")
def the_same_split_in_two_cases(path: Path) -> None:
    splits(path, "train", "Train")


@case("splits are above the classes")
def splits_inside_the_classes(path: Path) -> None:
    for name in ("cat", "dog"):
        photos(path / name, train=6, test=2)


@case("training images are needed; .*test, which is named like a split")
def a_test_without_train(path: Path) -> None:
    splits(path, "test")
    photos(path, first=500, cat=6)


@case("seg_test, seg_train in .* may be splits or classes; rename them")
def names_that_resemble_splits(path: Path) -> None:
    splits(path, "seg_train", "seg_test")


@case("train may be a split or a class, because bus, car lie beside it")
def a_train_of_folders_among_classes(path: Path) -> None:
    photos(path, bus=6, car=6)
    photos(path / "train", steam=6, diesel=6)


@case("has 1 .PetImages.; the classes seem to be inside: name the folder .*PetImages")
def a_folder_around_the_classes(path: Path) -> None:
    splits(path, "PetImages")


@case("images lie in the folder itself; sort them into a folder for each class")
def images_without_any_folder(path: Path) -> None:
    photos(path.parent, **{path.name: 6})


@case("same class folders; .*test differs from the training images in: bird")
def a_test_with_another_class(path: Path) -> None:
    splits(path, "train", "test")
    photos(path / "test", bird=2)


@case(r"at least 5 images; .*dog has 0; .*left out: 2 \.txt files, 1 broken link")
def an_empty_class(path: Path) -> None:
    photos(path, cat=6)
    (path / "dog").mkdir()
    for name in ("a.txt", "b.txt"):
        (path / "dog" / name).touch()
    (path / "dog" / "lost.png").symlink_to(path / "nowhere.png")


@case("at least 1 images; .*test/dog has 0")
def a_class_that_is_empty_in_the_test(path: Path) -> None:
    splits(path, "train", "test")
    shutil.rmtree(path / "test" / "dog")
    (path / "test" / "dog").mkdir()


@case(Understood((8, 2, 2), ("3 hidden folders", "4 hidden files")))
def hidden_folders_and_files(path: Path) -> None:
    photos(path, cat=6, dog=6)
    photos(path / "cat", first=500, **{".ipynb_checkpoints": 5})
    photos(path, first=600, __MACOSX=5)
    (path / ".git").mkdir()
    for name in (".DS_Store", "._0.png", "Thumbs.db", "desktop.ini"):
        (path / "dog" / name).write_bytes(b"of a system")


@case(
    Understood(
        (8, 2, 2), ("2 .csv files", "1 .heic file (not read here; convert to PNG or JPEG)", "1 file without an ending", "1 .mp4 file")
    )
)
def foreign_files(path: Path) -> None:
    photos(path, cat=6, dog=6)
    for name in ("cat/a.csv", "dog/b.CSV", "cat/IMG_1.HEIC", "cat/movie.mp4", "dog/README"):
        (path / name).write_text("no image")


@case(Understood((8, 2, 2), ("2 images outside the class folders", "1 .txt file")))
def images_beside_the_class_folders(path: Path) -> None:
    photos(path, cat=6, dog=6)
    photos(path.parent, first=500, **{path.name: 2})
    (path / "labels.txt").touch()


@case(Understood((8, 2, 2), ("1 broken link", "1 special file, such as pipes", "1 link to a folder that was read already")))
def broken_links_pipes_and_circles(path: Path) -> None:
    photos(path, cat=6, dog=5)
    photos(path.parent / "elsewhere", first=50, more=1)
    (path / "cat" / "lost.png").symlink_to("/no/such/file.png")
    (path / "cat" / "again").symlink_to(path / "cat")
    (path / "dog" / "elsewhere").symlink_to(path.parent / "elsewhere")
    os.mkfifo(path / "dog" / "pipe.png")


@case(
    Understood(
        (10, 2, 12), ("5 images repeat another one", "3 images of the validation or test split are also in another split"), silent=()
    )
)
def duplicates_across_splits(path: Path) -> None:
    splits(path, "train", "test")
    for i in range(3):
        shutil.copy(path / "train" / "cat" / f"{i}.png", path / "test" / "cat" / f"{100 + i}.png")
    for i in range(2):  # within a split
        shutil.copy(path / "train" / "dog" / "0.png", path / "train" / "dog" / f"{1 + i}.png")


@case(Understood((8, 2, 2), ("1 images repeat another one", "1 images lie in several classes"), silent=()))
def one_image_in_two_classes(path: Path) -> None:
    photos(path, cat=6, dog=6)
    shutil.copy(path / "cat" / "0.png", path / "dog" / "0.png")


@case(Understood((8, 2, 2), ("big\\ncats 6", "猫 6"), classes=("big\ncats", "猫")))
def names_with_line_breaks_and_of_other_scripts(path: Path) -> None:
    photos(path, **{"big\ncats": 6, "猫": 5})
    photos(path, first=50, 猫=1)
    (path / "猫" / "50.png").rename(path / "猫" / "кот\n1.png")


@case(Understood((8, 2, 2), ("caf� 6",), classes=("caf�", "dog")))
def names_that_are_not_utf8(path: Path) -> None:
    photos(path, cafe=6, dog=6)
    os.rename(path / "cafe", os.fsencode(path) + b"/caf\xe9")


@case(Understood((8, 2, 2), silent=("ignored",)))
def files_of_all_kinds(path: Path) -> None:
    photos(path, "png", cat=1)
    for i, ending in enumerate(("gif", "webp", "bmp", "tif", "tga")):
        photos(path, ending, first=10 + i, cat=1)
    for i, ending in enumerate(("GIF", "JPG", "jfif", "ppm", "jpeg", "dib")):
        photos(path, ending, first=10 + i, dog=1)


@case(r"2 images cannot be read: broken image .*cat/1.png: its content is not that of an image.*cat/2.png: the file is empty")
def several_broken_images(path: Path) -> None:
    photos(path, cat=6, dog=6)
    (path / "cat" / "1.png").write_text("no image")
    (path / "cat" / "2.png").write_bytes(b"")


@case(r"dog/0.jpg: its content is HEIF or a video \(heic\), whatever its name says; convert it")
def a_renamed_photograph_of_a_telephone(path: Path) -> None:
    photos(path, cat=6, dog=6)
    (path / "dog" / "0.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))


@pytest.mark.parametrize("name", CASES)
def test_a_folder_is_understood_or_refused(tmp_path: Path, name: str) -> None:
    make, expected = CASES[name]
    folder = tmp_path / "data"
    make(folder)
    before = sorted(os.fsencode(p) for p in tmp_path.rglob("*") if not p.is_relative_to(tmp_path / "cache"))
    if isinstance(expected, str):
        with pytest.raises(DataError, match=expected) as caught:
            load_images(str(folder), size=8)
        assert "\n" not in str(caught.value)
    else:
        images = load_images(str(folder), size=8)
        training, validation = training_and_validation(images)
        assert (len(training), len(validation), len(images.test)) == expected.counts
        assert images.classes == expected.classes
        assert all(part.labels.unique().tolist() == [0, 1] for part in (training, validation, images.test))
        lines = DataSummary.of(images).lines()
        for words in expected.says:
            assert words in " | ".join(lines), lines
        for words in expected.silent:
            assert words not in " | ".join(lines), lines
        assert not any("\n" in line for line in lines)
    assert sorted(os.fsencode(p) for p in tmp_path.rglob("*") if not p.is_relative_to(tmp_path / "cache")) == before


def test_there_are_thirty_folders_and_more() -> None:
    assert len(CASES) >= 30


def test_the_images_of_a_split_are_its_own(tmp_path: Path) -> None:
    """Each image holds its split and class as a colour: none may come from another."""
    for role, red in (("Train", 50), ("Valid", 100), ("Testing", 200)):
        for label, name in enumerate(("a", "b")):
            (tmp_path / "data" / role / name).mkdir(parents=True)
            for i in range(5):
                Image.new("RGB", (10, 10 + i), (red, 90 * label, 0)).save(tmp_path / "data" / role / name / f"{i}.png")
    images = load_images(str(tmp_path / "data"), size=8)
    assert images.validation is not None
    for part, red in ((images.train, 50), (images.validation, 100), (images.test, 200)):
        assert (part.pixels[:, 0] == red).all()
        assert part.pixels[:, 1, 4, 4].tolist() == [90 * label for label in part.labels.tolist()]
