"""What the pages of docs/ say in Python is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from references import error, images, scramble

import nasbench as nb
from nasbench.errors import GenotypeError
from nasbench.genotype import BLOCK_TYPES
from nasbench.spaces import load_space, read_space

DOCS = Path(__file__).parent.parent / "docs"


def blocks(language: str) -> list[str]:
    """The fenced blocks of docs/new_block.md in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / "new_block.md").read_text(), re.DOTALL)


@pytest.fixture
def page(capsys: pytest.CaptureFixture[str]):
    """The names that the Python of docs/new_block.md leaves, and what it prints; its word goes again afterwards."""
    code = "\n".join(blocks("python"))
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "docs/new_block.md", "exec", dont_inherit=True), names)
    yield names, capsys.readouterr().out
    BLOCK_TYPES.pop("ghost_bottleneck")


def test_the_new_block_is_as_short_as_the_page_says() -> None:
    code = blocks("python")[0]
    functions = [line for line in code[code.index("def ghost(") :].splitlines() if line.strip()]
    assert len(functions) < 20
    assert f"two functions are {len(functions)} lines" in (DOCS / "new_block.md").read_text()


def test_the_new_block_is_timms(page) -> None:
    names, printed = page
    assert printed.strip() == "5182508"
    assert printed.strip() in (DOCS / "new_block.md").read_text()
    theirs = timm.create_model("ghostnet_100", pretrained=False).eval()
    scramble(theirs)
    assert sum(p.numel() for p in theirs.parameters()) == nb.cost(names["ghostnet"]).params
    assert error(nb.trace(names["ghostnet"]), theirs, images(names["ghostnet"])) <= 1e-6


def test_the_new_block_reads_back_trains_and_refuses(page) -> None:
    names, _ = page
    g = nb.adapt(names["ghostnet"], (3, 64, 64), 10)
    assert nb.Genotype.from_yaml(g.to_yaml()) == g
    net = nb.build(g)
    torch.nn.functional.cross_entropy(net(images(g)), torch.arange(2)).backward()
    assert all(p.grad is not None for p in net.parameters())
    with pytest.raises(GenotypeError, match=r"ghost_bottleneck.*widht.*did you mean width"):
        names["ghost_bottleneck"](widht=24, expand=48)


SPACES = (DOCS / "new_space.md").read_text()


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", SPACES, re.DOTALL), ids=lambda text: text.split()[1])
def test_the_spaces_of_the_page_hold_as_many_networks_as_it_says(text: str) -> None:
    said = int(re.search(r"# ([\d,]+) networks", text)[1].replace(",", ""))
    space = read_space(text)
    assert space.count() == said
    for seed in range(20):
        g = space.sample(seed)
        assert nb.cost(g).macs > 0
        assert g in space


def test_the_python_of_the_spaces_page_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", SPACES, re.DOTALL)
    exec(compile(code, "docs/new_space.md", "exec", dont_inherit=True), {})


def test_the_page_counts_the_shared_space_right() -> None:
    inside = sum(nb.known(name) in load_space("shared") for name in nb.known())
    assert f"{inside} known networks are points of it" in SPACES
