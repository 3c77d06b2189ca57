"""The output folder of a training: begun, continued, or refused with one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from nasbench.errors import BusyError, NasbenchError
from nasbench.training.delivery.folder import first_difference, open_folder

COMMAND = {"network": "n 12", "recipe": {"lr": 0.1, "ema": 0.9}, "seed": 0, "time_s": None, "threads": None}


def test_a_folder_in_which_nothing_began_goes_again(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_folder(tmp_path / "x", COMMAND):
        raise RuntimeError
    assert not (tmp_path / "x").exists()


def test_a_new_folder_is_begun_and_the_same_command_continues_it(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "x"
    with open_folder(path, COMMAND) as folder:
        assert folder.stored is None
        folder.begin({"command": COMMAND | {"threads": 2}, "plan": {"epochs": 3}})
    with open_folder(path, COMMAND) as folder:
        assert folder.stored is not None
        assert folder.stored["plan"] == {"epochs": 3}
        assert folder.stored["versions"]["torch"]
    with open_folder(path, COMMAND | {"threads": 2}):
        pass


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "seed was 0 and is now 1"),
        ({"recipe": {"lr": 0.2, "ema": 0.5}}, "recipe.lr was 0.1 and is now 0.2"),
        ({"recipe": {"lr": 0.1}}, "recipe.ema was 0.9 and is now not given"),
        ({"recipe": {"lr": 0.1, "ema": 0.9, "clip": 1.0}}, "recipe.clip was not given and is now 1.0"),
        ({"time_s": 60.0}, "time_s was not given and is now 60.0"),
        ({"threads": 1}, "threads was 2 and is now 1"),
        ({"network": "m 13"}, "network was n 12 and is now m 13"),
    ],
)
def test_another_command_is_refused_with_the_first_difference(tmp_path: Path, change: dict, words: str) -> None:
    with open_folder(tmp_path, COMMAND) as folder:
        folder.begin({"command": COMMAND | {"threads": 2}})
    before = (tmp_path / "train.yaml").read_bytes()
    with pytest.raises(NasbenchError) as caught, open_folder(tmp_path, COMMAND | change):
        pass
    assert words in str(caught.value)
    assert "--out" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "train.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x: [", "train.yaml"),
        ("x: 1\n", "is not the file of a training"),
        ("format: nasbench train\nversion: 9\ncommand: {}\n", "is of version 9"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "train.yaml").write_text(content)
    with pytest.raises(NasbenchError) as caught, open_folder(tmp_path, COMMAND):
        pass
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_with_other_files_is_refused_and_an_unfinished_write_is_not(tmp_path: Path) -> None:
    (tmp_path / ".train.yaml.0a1b").write_text("")
    with open_folder(tmp_path, COMMAND) as folder:
        assert folder.stored is None
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(NasbenchError, match=r"holds thesis\.tex; name another folder with --out"), open_folder(tmp_path, COMMAND):
        pass


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with open_folder(tmp_path, COMMAND), pytest.raises(BusyError, match="another one works"), open_folder(tmp_path, COMMAND):
        pass
    with open_folder(tmp_path, COMMAND):
        pass


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(NasbenchError, match="cannot write to"), open_folder(tmp_path / "x", COMMAND):
        pass


def test_equal_commands_do_not_differ() -> None:
    assert first_difference(COMMAND, COMMAND) == ""
    assert first_difference(COMMAND | {"threads": 4}, COMMAND) == ""
