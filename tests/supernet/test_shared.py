"""Shared tensors: a network with its slices is the plain network, and learns as it would alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_supernet import networks
from torch.nn import functional

import nasbench as nb
from nasbench.genotype import Genotype
from nasbench.network import build
from nasbench.spaces.choosers import replay
from nasbench.supernet.largest import largest_network
from nasbench.supernet.shared import SharedWeights

SPACES = ("cells", "darts", "dense", "macro", "mbconv", "nasbench201", "residual", "shared", "shared_small", "shuffle", "tiny")


def image(g: Genotype, count: int = 4) -> torch.Tensor:
    return torch.randn(count, *g.input, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("space", SPACES)
def test_every_space_has_slices_that_are_the_plain_network(space: str) -> None:
    """Bit for bit, forwards; and after a step of SGD by the slices and by torch's own optimizer, to rounding."""
    shared = SharedWeights()
    for g in networks(space, 2, whole=True):
        subnet = shared.subnet(g)
        net = subnet.load()
        plain = build(g)
        plain.load_state_dict({name: value.clone() for name, value in net.state_dict().items()})
        for name, value in net.named_parameters():
            plain.get_parameter(name).data = value.detach().clone()  # with the same memory layout, on which the last bits depend
        for module in (net, plain):
            module.train()
            torch.manual_seed(1)
        torch.manual_seed(1)
        ours = net(image(g))
        torch.manual_seed(1)
        theirs = plain(image(g))
        ours, theirs = (x[0] if isinstance(x, tuple) else x for x in (ours, theirs))
        assert torch.equal(ours, theirs)
        labels = torch.arange(4) % 10
        functional.cross_entropy(ours, labels).backward()
        functional.cross_entropy(theirs, labels).backward()
        before = {name: value.detach().clone() for name, value in plain.named_parameters()}
        optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9, nesterov=True)
        optimizer.step()
        for tensor in shared.momenta.values():
            tensor.zero_()
        subnet.learn(subnet.gradients(), 0.1, 0.9, 0.0)
        learned = dict(subnet.load().named_parameters())
        moved = 0
        for name, value in plain.named_parameters():
            assert torch.allclose(learned[name], value, atol=1e-6, rtol=1e-4), name
            moved += not torch.equal(before[name], value)
        assert moved > len(before) / 4  # norms that begin at zero keep gradients from their branches


def test_the_slices_of_the_largest_network_are_the_tensors_themselves() -> None:
    g = nb.adapt(largest_network(nb.space("tiny").decode), input=(3, 24, 24), classes=10)
    shared = SharedWeights()
    weights = dict(shared.subnet(g).load().named_parameters())
    assert shared.parameters == sum(p.numel() for p in weights.values())
    for other in networks("tiny", 20):
        shared.subnet(other)
    bigger = {key for key, tensor in shared.tensors.items() if key.endswith("weight") and "linear" in key}
    for place in shared.subnet(g).places:
        for key, inside, _, _ in shared.slices(place):
            if key not in bigger:
                assert shared.tensors[key][inside].shape == shared.tensors[key].shape


def test_a_kernel_is_the_middle_and_channels_are_the_first() -> None:
    def network(width: int, kernel: int) -> Genotype:
        return Genotype.from_yaml(
            f"name: one\ninput: [3, 24, 24]\nstem: [{{op: conv, width: {width}, kernel: {kernel}}}]\nstages: []\n"
            "head: [{op: gap}, {op: linear, width: 10}]\n"
        )

    shared = SharedWeights()
    whole = shared.subnet(network(8, 7)).load().get_parameter("stem.0.conv.weight").detach().clone()
    part = shared.subnet(network(6, 3)).load().get_parameter("stem.0.conv.weight")
    assert torch.equal(part, whole[:6, :, 2:5, 2:5])
    classes = shared.subnet(network(6, 3)).load().get_parameter("head.1.linear.weight").detach().clone()
    assert torch.equal(classes, shared.subnet(network(8, 7)).load().get_parameter("head.1.linear.weight")[:, :6])


def test_learning_leaves_the_rest_of_the_tensors_alone() -> None:
    small, large = sorted(networks("mbconv", 2), key=lambda g: nb.cost(g).params)
    shared = SharedWeights()
    shared.subnet(large)
    subnet = shared.subnet(small)
    before = {key: tensor.clone() for key, tensor in shared.tensors.items()}
    net = subnet.load()
    net.train()
    functional.cross_entropy(net(image(small)), torch.arange(4)).backward()
    subnet.learn(subnet.gradients(), 0.1, 0.9, 0.0)
    touched = {key: torch.zeros_like(tensor, dtype=torch.bool) for key, tensor in before.items()}
    for place in subnet.places:
        for key, inside, _, _ in shared.slices(place):
            touched[key][inside] = True
    for key, tensor in shared.tensors.items():
        assert torch.equal(tensor[~touched[key]], before[key][~touched[key]])
    assert any(not torch.equal(tensor, before[key]) for key, tensor in shared.tensors.items())


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_grows_keeps_what_it_had(first: int, second: int) -> None:
    space = nb.space("tiny")
    a, b = (nb.adapt(space.sample(seed), input=(3, 24, 24), classes=10) for seed in (first, second))
    shared = SharedWeights()
    before = {name: p.detach().clone() for name, p in shared.subnet(a).load().named_parameters()}
    shared.subnet(b).load()
    after = dict(shared.subnet(a).load().named_parameters())
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_plugin_needs_no_line_for_the_supernet(tmp_path) -> None:
    from nasbench.plugins import load_plugin

    plugin = tmp_path / "wide.py"
    plugin.write_text(
        "import nasbench as nb\n\n@nb.block\ndef twice(t, x, *, width: int):\n"
        "    return t.add(t.act(t.norm(t.conv(x, width, 3))), t.norm(t.conv(x, width, 1, name='short'), name='short_norm'))\n"
    )
    load_plugin(plugin)
    text = (
        "name: mine\nchannels: 3\nresolution: 24\nstem: [{op: conv, width: 8, kernel: 3}]\n"
        "stages: [[{op: twice, width: [8, 16]}]]\nhead: [{op: gap}, {op: linear, width: 10}]\n"
    )
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    space = nb.space(str(file))
    shared = SharedWeights()
    for values in ({"stages.0.0.width": 16}, {"stages.0.0.width": 8}):
        g = space.decode(replay(values, lambda name, options: options[0]))
        net = shared.subnet(g).load()
        assert net(image(g)).shape == (4, 10)
    assert sum("stages.0.0.conv" in key for key in shared.tensors) == 1
