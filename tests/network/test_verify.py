"""The second opinion of `nasbench cost NAME --verify`."""

from __future__ import annotations

import pytest
import torch

from nasbench.genotype import Genotype, trace
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.network import verify as module
from nasbench.network.verify import Check, verify_cost
from nasbench.zoo import known

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", ["lenet5_modern", "mobilenet_v3_small"])
def test_both_agree(name: str) -> None:
    check = verify_cost(known(name))
    assert check.equal
    assert check.ours == check.theirs
    assert all(row[3] == "yes" for row in check.rows())
    assert set(check.to_json()) == {"conv", "linear", "also", "equal"}


def test_a_network_without_one_of_the_two_is_verified_too() -> None:
    assert verify_cost(Genotype("n", (3, 8, 8), (conv(4),))).theirs["linear"] == 0
    assert verify_cost(Genotype("n", (3, 8, 8), head=(gap(), linear(4)))).theirs["conv"] == 0


def test_a_wrong_count_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with one layer counted double the two disagree, and the row says so."""
    g = known("lenet5_modern")
    layers = list(trace(g))
    layers[1] = layers[1]._replace(macs=2 * layers[1].macs)
    monkeypatch.setattr(module, "trace", lambda _: tuple(layers))
    check = verify_cost(g)
    assert not check.equal
    assert [row[3] for row in check.rows()] == ["NO", "yes"]
    assert not Check({"conv": 1, "linear": 1}, {"conv": 1, "linear": 2}, {}).equal


def test_it_leaves_the_callers_torch_as_it_was() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    verify_cost(known("lenet5_modern"))
    assert torch.equal(torch.rand(3), expected)
    assert torch.is_grad_enabled()
