"""--plugin, with the files and commands of docs/new_block.md."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from messages import one_line

import nasbench as nb
from nasbench.cli.main import program as parser
from nasbench.genotype import BLOCK_TYPES

PAGE = (Path(__file__).parents[2] / "docs" / "new_block.md").read_text()
SOURCE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
NETWORK, SPACE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [shlex.split(line)[1:] for line in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)[0].splitlines()]
PLUGIN = ("--plugin", "my_blocks.py")


def write(folder: Path) -> None:
    for name, text in (("my_blocks.py", SOURCE), ("ghost.yaml", NETWORK), ("ghosts.yaml", SPACE)):
        (folder / name).write_text(text)


@pytest.fixture
def files(nasbench):
    write(nasbench.folder)
    return nasbench.folder


# commands of the page, and what they print
SAID = {
    "show ghost_bottleneck": ["Ghost module to `expand`", "Width | None", "stride"],
    "show ghost.yaml": ["little_ghost", "ghost_bottleneck", "width 24, expand in*3, stride 2, se mid/4", "13,564 parameters"],
    "cost ghost.yaml": ["13,564", "845,216", "yes"],
    "compare ghost.yaml": ["ghost.yaml", "lenet5"],
    "export ghost.yaml": ["op: ghost_bottleneck", "width: 3}"],
    "spaces ghosts.yaml": ["op: ghost_bottleneck"],
}


@pytest.mark.parametrize("words", [c for c in COMMANDS if not {"search", "resume"} & {*c}], ids=" ".join)
def test_a_command_of_the_page(files, call, words):
    done = call(*words)
    assert done.returncode == 0, done.stderr
    plain = [w for w in words if w not in PLUGIN]
    for part in SAID[" ".join(plain[:2])]:
        assert part in done.stdout, part


def test_the_page_is_tested_whole():
    assert {" ".join([w for w in c if w not in PLUGIN][:2]) for c in COMMANDS} == SAID.keys() | {"search --space", "resume runs/ghosts-5ms"}


def test_without_it_the_word_is_unknown_and_the_line_says_what_to_give(files, call):
    for words in (("show", "ghost.yaml"), ("cost", "ghost.yaml"), ("spaces", "ghosts.yaml")):
        one_line(call(*words), "no block 'ghost_bottleneck'", "--plugin FILE.py")


def test_before_and_after_the_command_and_twice(files, call):
    wanted = call("cost", "ghost.yaml", "--json", *PLUGIN).stdout
    assert json.loads(wanted)["params"] == 13_564
    for words in (
        (*PLUGIN, "cost", "ghost.yaml", "--json"),
        ("cost", "--plugin=my_blocks.py", "--json", "ghost.yaml"),
        (*PLUGIN, "cost", "ghost.yaml", "--json", "--plugin", "./my_blocks.py"),
    ):
        assert call(*words).stdout == wanted
    (files / "other.py").write_text("from nasbench import block\n\n\n@block\ndef other(t, x):\n    return x\n")
    two = call("show", "--json", "--plugin", "other.py", *PLUGIN)
    assert {"other", "ghost_bottleneck", "mbconv"} <= json.loads(two.stdout).keys()
    assert "other.py, which has no docstring" in call("show", "--plugin", "other.py").stdout


def test_every_command_takes_it(files):
    found, groups = [], [parser()]
    while groups:
        for command in groups.pop().commands.values():
            if hasattr(command, "commands"):
                groups.append(command)
            else:
                found.append(command.name)
                assert "--plugin" in [word for p in command.params for word in p.opts], command.name
    assert {"known", "show", "cost", "compare", "export", "spaces", "profile", "plan", "search", "resume", "status", "front"} <= {*found}


def test_a_space_of_own_words_is_described_sampled_and_encoded(files, call):
    told = json.loads(call("spaces", "ghosts.yaml", "--json", *PLUGIN).stdout)
    assert told["count"] == 384
    drawn = json.loads(call("spaces", "ghosts.yaml", "--sample", "1", "--json", *PLUGIN).stdout)["genotype"]
    (files / "drawn.yaml").write_text(drawn)
    answers = json.loads(call("spaces", "ghosts.yaml", "--encode", "drawn.yaml", "--json", *PLUGIN).stdout)
    nb.load_plugin(files / "my_blocks.py")
    decoded = nb.space(str(files / "ghosts.yaml")).decode(lambda label, options: answers[label])
    assert nb.digest(decoded) == nb.digest(nb.Genotype.from_yaml(drawn))


HEAD = "from nasbench import block\n\n\n@block\n"

# the file, and what the line says
MISTAKES = [
    ("def f(t x):\n    pass\n", "mine.py:1: this is not Python: invalid syntax"),
    ("x = 1 / 0\n", "mine.py:1: ZeroDivisionError: division by zero; correct it there"),
    ("import sys\nsys.exit(0)\n", "mine.py:2: SystemExit: 0"),
    ("x = 1\n", "mine.py registers none; write @block"),
    (
        HEAD + "def fire(t, x):\n    return x\n",
        "mine.py:4: there is already a block 'fire', from nasbench.genotype.blocks.mobile; choose another",
    ),
    (HEAD + "def f(t, x, width: int):\n    return x\n", "mine.py:4: a block is a function (t, x, *, fields...)"),
    (HEAD + "def f(t, x, *, width):\n    return x\n", "mine.py:4: f: field 'width' needs a type"),
    (HEAD + "def ghost_bottleneck(t, x):\n    return x\n", "mine.py:4: there is already a block 'ghost_bottleneck', from my_blocks.py"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_a_mistake_in_the_file_is_one_line(files, call, text, said, after):
    (files / "mine.py").write_text(text)
    before = set(BLOCK_TYPES)
    option = (*PLUGIN, "--plugin", "mine.py")
    one_line(call("known", "lenet5", *option) if after else call(*option, "known", "lenet5"), said)
    assert set(BLOCK_TYPES) - before == {"ghost_bottleneck"}


@pytest.mark.parametrize(
    ("path", "said"),
    [("nowhere.py", "No such file"), (".", "is a folder"), ("ghost.yaml", "such as my_blocks.py; got 'ghost.yaml'")],
)
def test_what_is_no_plugin_is_one_line(files, call, path, said):
    one_line(call("show", "--plugin", path), said)


def test_a_block_that_fails_in_a_network_is_one_line(files, call):
    (files / "mine.py").write_text(HEAD + "def zero(t, x, *, width: int):\n    return t.unit(x, 8 // (width - 16))\n")
    (files / "zero.yaml").write_text("stages: [[{op: conv, width: 8}, {op: zero, width: 16}]]")
    said = "stage 1, block 2 (stages.0.1): the block 'zero' failed at mine.py:6: ZeroDivisionError"
    for words in (("cost", "zero.yaml", "--verify"), ("show", "zero.yaml"), ("export", "zero.yaml")):
        one_line(call(*words, "--plugin", "mine.py"), said)
    (files / "zeros.yaml").write_text("resolution: 8\nstem: [{op: zero, width: 16}]\nhead: [{op: linear, width: 2}]")
    search = call("search", "--space", "zeros.yaml", "--latency", "1s", "--plugin", "mine.py")
    one_line(search, "none of 1000 draws from zeros is a network", "the block 'zero' failed at mine.py:6: ZeroDivisionError")
    assert not list(files.glob("runs/*"))


@pytest.fixture(scope="module")
def searched(program):
    """A finished search in the page's space."""
    write(program.folder)
    words = program.search(*PLUGIN, "--name", "own", trials=2)
    words[words.index("tiny")] = "ghosts.yaml"
    for _ in range(3):
        running = program.start(*words)
        _, said = running.communicate(timeout=1200)
        if "measuring took more than" not in said:  # too busy a machine to be measured: the same command goes on
            break
    assert running.returncode == 0, said
    return program, words


@pytest.mark.alone  # it trains and measures
def test_a_search_with_own_words(searched):
    program, _ = searched
    path = program.folder / "runs" / "own"
    study = yaml.safe_load((path / "study.yaml").read_text())
    assert (path / "plugins" / "my_blocks.py").read_text() == SOURCE
    nb.load_plugin(program.folder / "my_blocks.py")
    assert study["plugin_paths"] == {"my_blocks.py": str(program.folder / "my_blocks.py")}
    trials = nb.open_study(path).trials("search")
    assert list(trials["status"]) == ["ok", "ok"]
    assert all("ghost_bottleneck" in text for text in trials["genotype"])
    winner = nb.Genotype.from_yaml(path / "best" / "genotype.yaml")
    assert nb.digest(winner) == json.loads((path / "best" / "card.json").read_text())["digest"]


@pytest.mark.alone
def test_it_goes_on_and_is_exported_without_the_users_file(searched):
    program, words = searched
    mine = program.folder / "my_blocks.py"
    mine.rename(program.folder / "moved.py")
    try:
        assert program("resume", "runs/own").returncode == 0
        exported = program("export", "runs/own")
        assert "ghost_bottleneck" in exported.stdout
        mine.write_text(SOURCE + "\n# another\n")
        for changed in (words, ["resume", "runs/own", *PLUGIN]):
            one_line(program(*changed), "began with another my_blocks.py", "--name", "--plugin runs/own/plugins/my_blocks.py")
    finally:
        (program.folder / "moved.py").rename(mine)
    assert program(*words).returncode == 0


@pytest.mark.alone
def test_status_and_front_run_nothing_of_it(searched, tmp_path, monkeypatch):
    """The copy would leave a file behind; and for a user who never ran it, resume and export refuse."""
    program, _ = searched
    copy = program.folder / "runs" / "own" / "plugins" / "my_blocks.py"
    monkeypatch.setitem(program.env, "NASBENCH_CACHE", str(tmp_path))
    for words in (("status", "runs/own"), ("front", "runs/own")):
        assert program(*words).returncode == 0
    for words in (("resume", "runs/own"), ("export", "runs/own")):
        one_line(program(*words), "no search of yours has run here", "--plugin runs/own/plugins/my_blocks.py")
    assert program("export", "runs/own", "--plugin", str(copy)).returncode == 0
    copy.write_text("open('owned', 'w')\n")
    for words in (("status", "runs/own"), ("front", "runs/own"), ("resume", "runs/own"), ("export", "runs/own")):
        program(*words)
    assert not (program.folder / "owned").exists()
