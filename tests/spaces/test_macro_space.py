"""NAS-Bench-Macro: its 6,561 networks, parameter for parameter and count for count.

The benchmark's `flops` are the multiply-adds of the convolutions and of the linear layer, one for each weight and output
position: no bias, batch norm, ReLU, sum or pooling, and not doubled. That reproduces the figure of all 6,561.
"""

from __future__ import annotations

import json
import os
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from nasbench.errors import SpaceError
from nasbench.genotype import cost_of, digest, trace
from nasbench.spaces import load_space
from nasbench.spaces.macro import macro_flops, macro_values

SPACE = load_space("macro")
ARCHS = ["".join(digits) for digits in product("012", repeat=8)]


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, Any]]:
    """The benchmark's file; it is not part of the project."""
    path = Path(os.environ.get("NASBENCH_MACRO") or Path(__file__).parents[3] / "shared" / "data" / "nas-bench-macro_cifar10.json")
    if not path.is_file():
        pytest.skip(f"{path} is not there; NASBENCH_MACRO names the file nas-bench-macro_cifar10.json of xiusu/NAS-Bench-Macro")
    found: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return found


def test_it_has_6561_networks() -> None:
    assert SPACE.count() == len(ARCHS) == 3**8 == 6561


def test_every_network_has_the_benchmarks_parameters_and_flops(table: dict[str, dict[str, Any]]) -> None:
    assert set(table) == set(ARCHS)
    wrong = []
    for arch, facts in table.items():
        values = macro_values(arch)
        layers = trace(SPACE.decode(lambda name, options: values[name]))  # noqa: B023 - called at once
        if (cost_of(layers).params, macro_flops(layers)) != (facts["params"], facts["flops"]):
            wrong.append(arch)
    assert wrong == []


def test_other_conventions_do_not_fit(table: dict[str, dict[str, Any]]) -> None:
    """The control: with any of what other counters add, the figures differ."""
    arch = "02012100"
    values = macro_values(arch)
    layers = trace(SPACE.decode(lambda name, options: values[name]))
    flops = table[arch]["flops"]
    extras = {kind: sum(x.elements for x in layers if x.kind == kind) for kind in ("norm", "act", "add")}
    extras["gap"] = sum(layers[x.inputs[0]].elements for x in layers if x.kind == "gap")
    extras["bias"] = 10
    assert macro_flops(layers) == flops
    assert all(extra > 0 and macro_flops(layers) + extra != flops for extra in extras.values())


def test_values_lead_to_the_network_and_back() -> None:
    for arch in ARCHS[::97]:
        values = macro_values(arch)
        g = SPACE.decode(lambda name, options: values[name])  # noqa: B023 - called at once
        assert SPACE.encode(g) == values
        kinds = [block.op + str(block.fields.get("kernel", "")) for stage in g.stages for block in stage]
        expected = [{"0": "conv1" if i in (0, 2, 5) else "identity", "1": "mbconv3", "2": "mbconv5"}[d] for i, d in enumerate(arch)]
        assert kinds == expected


def test_networks_differ() -> None:
    found = set()
    for arch in ARCHS[::37]:
        values = macro_values(arch)
        found.add(digest(SPACE.decode(lambda name, options: values[name])))  # noqa: B023 - called at once
    assert len(found) == len(ARCHS[::37])


@pytest.mark.parametrize("arch", ["", "0201210", "020121000", "02012103", "0201210x", "02012100\n", "٠٢٠١٢١٠٠", 2012100, None])
def test_what_is_no_name_is_refused(arch: Any) -> None:
    with pytest.raises(SpaceError, match="NAS-Bench-Macro names a network by eight digits from 0 to 2, such as 02012100; got "):
        macro_values(arch)
