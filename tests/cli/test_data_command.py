"""`nasbench data`: what a search would understand of a folder."""

from __future__ import annotations

import json
import os

from messages import one_line
from pictures import photos


def test_a_folder_is_shown_before_a_search(nasbench, call) -> None:
    for i, split in enumerate(("Train", "valid", "TEST")):
        photos(nasbench.folder / "mine" / split, first=100 * i, cat=6, dog=7)
    photos(nasbench.folder / "mine" / "Train" / "cat", first=500, **{".ipynb_checkpoints": 3})
    (nasbench.folder / "mine" / "Train" / "dog" / "notes.txt").touch()
    ran = call("data", "mine")
    assert ran.returncode == 0, ran.stderr
    lines = [line.strip().split(maxsplit=1) for line in ran.stdout.splitlines() if line.strip()]
    assert ["data", "mine: 39 images, 2 classes"] in lines
    assert ["classes", "cat: 18"] in lines
    assert ["validation", "13 images, mine/valid"] in lines
    assert ["test", "13 images, mine/TEST"] in lines
    assert ["images", "16 pixels wide and 12 high, 39 RGB"] in lines
    assert ["ignored", "1 hidden folder: Train/cat/.ipynb_checkpoints"] in lines
    assert ["1", ".txt file: Train/dog/notes.txt"] in lines


def test_json_for_scripts(nasbench, call) -> None:
    photos(nasbench.folder / "mine", cat=6, dog=7, **{"two\nlines": 5})
    found = json.loads(call("data", "mine", "--json").stdout)
    assert found["classes"] == {"cat": 6, "dog": 7, "two\nlines": 5}
    assert [found["splits"][role]["images"] for role in ("train", "validation", "test")] == [11, 3, 4]
    assert (found["modes"], found["widths"], found["heights"]) == ({"RGB": 18}, [16, 16, 16], [12, 12, 12])
    assert (found["duplicates"], found["ignored"]) == ({"images": 0, "across": 0, "classes": 0}, [])
    assert len(found["lines"]) == 2


def test_a_data_set_by_name(call) -> None:
    found = json.loads(call("data", "embedded", "--json").stdout)
    assert (len(found["classes"]), found["splits"]["train"]["images"], found["modes"]) == (10, 8000, {"L": 12000})


def test_what_cannot_be_understood_is_one_line(nasbench, call) -> None:
    photos(nasbench.folder / "flat", train=6, test=6)
    one_line(call("data", "flat"), "named like splits", "train/cat/1.jpg")
    one_line(call("data", "nothing/here"), "does not exist; check the path")
    one_line(call("data", "x" * 5000 + "/y"), "does not exist")


def test_names_that_are_not_utf8_are_printed(nasbench, call) -> None:
    photos(nasbench.folder / "mine", cat=6, dog=6)
    os.rename(nasbench.folder / "mine" / "cat", os.fsencode(nasbench.folder) + b"/mine/caf\xe9")
    ran = call("data", "mine")
    assert ran.returncode == 0, ran.stderr
    assert "caf�: 6" in ran.stdout


def test_the_plan_says_what_it_understood_and_how_well_it_can_rank(call) -> None:
    ran = call("plan", "--space", "tiny", "--latency", "1s", "--data", "./pictures", "--trials", "3", "--known", "lenet5_modern")
    assert ran.returncode == 0, ran.stderr
    for words in (
        "3 classes: dark 30, grey 30, light 30; validation: 14, a fifth of the training images of each class; test: 18, a fifth",
        "16 pixels wide and 16 high, 90 RGB",
        "epochs of 58 images",
        "accuracy on 14 images, with a standard error of at most 13.4 points: networks that differ by less than 37 points may not",
    ):
        assert words in " ".join(ran.stdout.split()), words
