"""What README.md says is true: its commands, its Python and its numbers."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import nasbench as nb
from nasbench.analysis.final_round import verdict_lines
from nasbench.cli.main import program
from nasbench.genotype import BLOCK_TYPES

ROOT = Path(nb.__file__).parent.parent
PAGE = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^    (?:\$ )?(?:python -m )?nasbench (.+)$", PAGE, re.MULTILINE)
FIRST, BLOCK = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_can_be_given(line: str) -> None:
    words = shlex.split(line, comments=True)
    command = program()
    while hasattr(command, "commands") and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    command.make_context("nasbench", words)


def test_every_command_is_named() -> None:
    named = {words.split()[0] for words in COMMANDS}
    assert named >= set(program().commands) - {"resume", "copy"}  # docs/search.md and docs/studies.md have these


def test_every_option_of_the_table_is_one_of_search() -> None:
    table = PAGE[PAGE.index("| option | meaning") : PAGE.index("## More commands")]
    known = {option for parameter in program().commands["search"].params for option in parameter.opts}
    named = re.findall(r"--[a-z][a-z-]+", table)
    assert named
    assert [option for option in named if option not in known] == []


def test_the_python_runs_and_gives_what_it_says(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(compile(FIRST, "README.md", "exec", dont_inherit=True), names)
    assert "shortcut none -> A" in capsys.readouterr().out
    g = nb.known("efficientnet_b0")
    assert f"{nb.cost(g).macs:_}" in FIRST
    assert g in nb.space("mbconv")
    assert nb.cost(nb.scale(g, width=1.2, depth=1.4, resolution=300)) == nb.cost(nb.known("efficientnet_b3"))


def test_the_block_is_one() -> None:
    names: dict[str, object] = {"__name__": "page"}
    exec(compile(BLOCK, "README.md", "exec", dont_inherit=True), names)
    try:
        network = nb.Genotype("small", (3, 32, 32), stages=((names["ghost"](width=16),),), head=())
        assert nb.trace(network)[-1].shape[0] == 16
    finally:
        BLOCK_TYPES.pop("ghost")


def test_the_number_of_known_networks_is_right() -> None:
    assert f"{len(nb.known())} known networks" in PAGE


def test_the_final_round_and_the_verdict_are_those_of_the_stored_study() -> None:
    study = nb.open_study(ROOT / "studies" / "data" / "mbconv-20ms-predictor")
    for row in study.summary():
        (line,) = re.findall(rf"^    {row['network']} .*$", PAGE, re.MULTILINE)
        assert ("<- winner" in line) == row["winner"]
        assert f"{row['accuracy']:.1%}" in line
        assert f"{row['latency_ms']:.1f} ms" in line
    for line in verdict_lines(study.verdict()):
        assert f"    {line}\n" in PAGE
