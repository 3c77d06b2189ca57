"""What docs/training.md says is true: its commands, options, recipes, files and Python."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from nasbench.cli.main import program
from nasbench.training.data import NAMES
from nasbench.training.recipes import default_recipe, find_recipe, recipe_names

TRAINING = (Path(__file__).parent.parent / "docs" / "training.md").read_text()


def test_the_python_about_training_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", TRAINING, re.DOTALL)
    found: dict[str, Any] = {}
    exec(compile(code, "docs/training.md", "exec", dont_inherit=True), found)
    assert "test accuracy" in capsys.readouterr().out
    assert not found["net"].training
    files = set(re.findall(r"^\| `([\w.]+\.\w+)` \|", TRAINING[TRAINING.index("## The output folder") :], re.MULTILINE))
    assert files == {file.name for file in (tmp_path / "runs" / "first").iterdir()}


def test_the_page_on_training_has_every_option_and_recipe(tmp_path: Path) -> None:
    options = {option for p in program().commands["train"].params for option in p.opts if option.startswith("--")}
    assert options - {"--plugin"} == set(re.findall(r"--[a-z-]+[a-z]", TRAINING))
    rows = dict(re.findall(r"^\| `([\w-]+)` \| .*? \| (.*?) ?\|$", TRAINING[TRAINING.index("| recipe | for") :], re.MULTILINE)[:10])
    assert set(rows) == set(recipe_names())
    assert {data: name for name, sets in rows.items() for data in sets.split(", ") if data and data != "folders"} == {
        data: default_recipe(data) for data in NAMES
    }
    (text,) = re.findall(r"```yaml\n(.*?)```", TRAINING, re.DOTALL)
    (tmp_path / "mine.yaml").write_text(text)
    assert find_recipe(tmp_path / "mine.yaml").recipe.mixup == 0.2


@pytest.mark.parametrize("line", re.findall(r"^    nasbench (.+)$", TRAINING, re.MULTILINE))
def test_the_commands_of_the_page_on_training_can_be_given(line: str) -> None:
    name, *words = shlex.split(line)
    program().commands[name].make_context(name, words)
