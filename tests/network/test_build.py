from __future__ import annotations

import copy
import pickle
import threading

import pytest
import torch
from classics import CORE, classics, light, small
from genotype_strategies import networks, networks_with_heads
from hypothesis import given, settings
from interpreter import everything, heads, run
from references import calibrate, images, scramble, spread
from torch import Tensor, fx, nn
from torchvision.ops import StochasticDepth

from nasbench.errors import GenotypeError
from nasbench.genotype import Genotype, Style, cost, trace
from nasbench.genotype.blocks import branches, conv, gap, linear, mbconv, shuffle
from nasbench.network import build, build_trace, loss_weights
from nasbench.zoo import known

pytestmark = pytest.mark.filterwarnings("ignore")

WEIGHTED = ("conv", "norm", "linear")


QUICK = ("lenet5_modern", "alexnet", "squeezenet1_1", "resnet18", "mobilenet_v3_small", "shufflenet_v2_x1_0")


def quiet(net: nn.Module) -> nn.Module:
    for m in net.modules():
        if isinstance(m, nn.Dropout | StochasticDepth):
            m.p = 0.0
    return net


def compare(g: Genotype, training: bool) -> None:
    """Values and gradients of the generated code, in place where it may, and of the interpreter, in double precision."""
    layers = trace(g)
    net = quiet(build(g).double().train(training))
    scramble(net)
    state = {k: v.clone().requires_grad_(v.is_floating_point() and "running" not in k) for k, v in net.state_dict().items()}
    image = torch.randn(3, *g.input, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    given, kept = image.clone().requires_grad_(), image.clone().requires_grad_()
    ours, theirs = whole(net(given)), run(layers, state, kept, training)
    if training and (aside := heads(layers, state, kept)):
        theirs = torch.stack([theirs, *aside])
    assert torch.equal(given, image), "the input was overwritten"
    scale = max(1.0, float(theirs.abs().max()))
    assert (ours - theirs).abs().max() <= 1e-9 * scale
    if len(layers) == 1:
        return
    weights = torch.randn(theirs.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    assert given.grad is not None
    pairs = [(given.grad, kept.grad)] + [(p.grad, state[name].grad) for name, p in net.named_parameters()]
    largest = max(1.0, *(float(b.abs().max()) for _, b in pairs if b is not None))
    for a, b in pairs:
        if b is None:  # a constant: an activation that is flat everywhere
            assert a is None or not a.any()
        else:
            assert (a - b).abs().max() <= 1e-5 * largest  # torch keeps a sixth of hardsigmoid as a float32


def whole(said: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The logits, in training mode with those of the auxiliary heads behind: (1 + heads, N, classes)."""
    return torch.stack(said) if isinstance(said, tuple) else said


def loss_of(net: nn.Module, image: Tensor, labels: Tensor) -> Tensor:
    said = net(image)
    outputs = said if isinstance(said, tuple) else (said,)
    return torch.stack([w * nn.functional.cross_entropy(one, labels) for one, w in zip(outputs, loss_weights(net), strict=True)]).sum()


@settings(max_examples=60)
@given(networks() | networks_with_heads())
def test_generated_code_computes_the_trace(g: Genotype) -> None:
    compare(g, training=False)


@settings(max_examples=60)
@given(networks() | networks_with_heads())
def test_generated_code_computes_the_trace_in_training(g: Genotype) -> None:
    compare(g, training=True)


@pytest.mark.parametrize("name", classics(names=light()))
def test_generated_code_of_the_known_computes_their_traces(name: str) -> None:
    compare(small(name), training=False)


def test_an_activation_in_place_on_a_value_that_is_read_again_would_be_seen() -> None:
    """The control of the comparison: the same code, with every activation in place."""
    g = Genotype("n", (4, 8, 8), (branches([[conv(4)], []], "add"), branches([[conv(4, act="silu", order="act-conv-norm")], []], "add")))
    layers = trace(g)
    net = build(g).double().eval()
    scramble(net)
    for node in net.graph.nodes:
        if node.target is torch.nn.functional.silu:
            node.kwargs = {"inplace": True}
    net.recompile()
    image = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    assert (net(image) - run(layers, net.state_dict(), image)).abs().max() > 1e-3


@settings(max_examples=60)
@given(networks())
def test_counts_are_those_of_the_modules(g: Genotype) -> None:
    """Parameters, MACs and activations, counted a second time on the torch side."""
    found = cost(g)
    net = build(g, "meta")
    assert sum(p.numel() for p in net.parameters()) == found.params
    macs = written = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs, written
        assert isinstance(module, nn.Conv2d | nn.Linear)
        macs += output.numel() // output.shape[1] * module.weight.numel()
        written += output.numel()

    for m in net.modules():
        if isinstance(m, nn.Conv2d | nn.Linear):
            m.register_forward_hook(count)
    net.eval()(torch.empty(1, *g.input, device="meta"))
    assert (macs, written) == (found.macs, found.activations)
    assert sum(b.numel() for n, b in net.named_buffers() if "running" in n) == sum(2 * x.channels for x in trace(g) if x.kind == "norm")


@settings(max_examples=60)
@given(networks())
def test_submodules_are_named_by_where(g: Genotype) -> None:
    layers = trace(g)
    net = build(g, "meta")
    state = list(net.state_dict())
    expected = []
    for x in layers:
        if x.kind in WEIGHTED:
            expected.append(f"{x.where}.weight")
            expected += [f"{x.where}.bias"] if x.kind == "norm" or x.attrs["bias"] else []
            expected += [f"{x.where}.{n}" for n in ("running_mean", "running_var", "num_batches_tracked")] if x.kind == "norm" else []
    assert sorted(state) == sorted(expected)
    for x in layers:
        if x.kind in WEIGHTED:
            assert type(net.get_submodule(x.where)) in (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.BatchNorm1d)


@pytest.mark.parametrize("name", classics())
def test_weights_stand_in_the_order_they_are_used(name: str) -> None:
    """So that other libraries' weights load in order."""
    g = known(name)
    state = [key.rsplit(".", 1)[0] for key in build(g, "meta").state_dict()]
    assert list(dict.fromkeys(state)) == [x.where for x in everything(trace(g)) if x.kind in WEIGHTED]


@pytest.mark.parametrize("name", classics())
def test_on_the_meta_device_nothing_is_allocated(name: str) -> None:
    net = build(known(name), "meta")
    assert {v.device.type for v in net.state_dict().values()} == {"meta"}
    found = cost(known(name))
    assert sum(p.numel() for p in net.parameters()) == found.params + found.auxiliary_params


def test_a_network_is_plain_generated_code() -> None:
    net = build(known("resnet18"), "meta")
    assert isinstance(net, fx.GraphModule)
    assert type(net).__name__ == "resnet18"
    assert net.training
    code = net.code
    assert "for " not in code
    assert code.count("\n") > 60
    assert "torch.nn.functional.relu(stem_0_norm, inplace = True)" in code


@pytest.mark.parametrize("name", ["resnet-50 v1.5", "class", "1x1", "ü"])
def test_any_name_gives_a_class(name: str) -> None:
    net = build(Genotype(name, (3, 4, 4), (conv(2),)), "meta")
    assert type(net).__name__.isidentifier()
    assert net(torch.empty(1, 3, 4, 4, device="meta")).shape == (1, 2, 4, 4)


def test_shapes_that_do_not_meet_are_refused_before_anything_is_built() -> None:
    with pytest.raises(GenotypeError, match=r"stem, block 1 \(stem\.0\): a 9x9 window"):
        build(Genotype("n", (3, 4, 4), (conv(2, 9, padding="valid"),)))


@pytest.mark.parametrize("name", classics(names=light()))
def test_a_training_step_reaches_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    g = small(name)
    net = build(g)
    image = images(g, 4)
    loss_of(net, image, torch.arange(4)).backward()
    for where, p in net.named_parameters():
        assert p.grad is not None, where
        assert p.grad.isfinite().all(), where
    reached = [bool(p.grad.any()) for p in net.parameters()]
    assert sum(reached) / len(reached) > 0.95  # the rest: a ReLU that is off for these four images
    before = {k: v.clone() for k, v in net.named_parameters()}
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    assert any(not torch.equal(before[k], v) for k, v in net.named_parameters())


def hold(net: nn.Module, image: Tensor) -> None:
    """Weights with which two images are told apart; hundreds of layers let the signal grow beyond all numbers otherwise."""
    scramble(net)
    if not spread(net.eval(), image) > 0.01:
        calibrate(net, image)
    net.eval()


@pytest.mark.parametrize("name", classics(names=light()))
def test_training_differs_only_by_what_is_meant_to(name: str) -> None:
    """Without dropout and drop path, with running statistics in the norms and beside auxiliary heads, the logits are the same."""
    g = small(name)
    net = quiet(build(g))
    image = images(g)
    hold(net, image)
    with torch.no_grad():
        expected = net.eval()(image)
        assert expected.isfinite().all()
        net.train()
        for m in net.modules():
            if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d):
                m.eval()
        said = net(image)
    assert torch.equal(said[0] if isinstance(said, tuple) else said, expected)


def test_dropout_acts_in_training_only() -> None:
    g = small("mobilenet_v2")
    net = build(g)
    image = images(g)
    with torch.no_grad():
        for _ in range(5):
            net(image)
        assert not torch.equal(net(image), net(image))
        net.eval()
        assert torch.equal(net(image), net(image))


def test_the_seed_makes_the_weights() -> None:
    g = small("shufflenet_v2_x1_0")

    def made(seed: int) -> dict[str, Tensor]:
        torch.manual_seed(seed)
        return build(g).state_dict()

    first, again, other = made(1), made(1), made(2)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert any(not torch.equal(first[k], other[k]) for k in first)


@pytest.mark.parametrize(
    ("init", "conv_std", "linear_std"),
    [
        ("he_fan_out", (2 / (9 * 512)) ** 0.5, (1 / 3 / 512) ** 0.5),  # uniform within 1 / sqrt(inputs)
        ("he_fan_in", (2 / (9 * 256)) ** 0.5, (2 / 512) ** 0.5),
        ("torch", (1 / 3 / (9 * 256)) ** 0.5, (1 / 3 / 512) ** 0.5),  # torch's own: uniform within 1 / sqrt(fan in)
    ],
)
def test_initial_weights_have_the_spread_that_the_style_says(init: str, conv_std: float, linear_std: float) -> None:
    torch.manual_seed(0)
    g = Genotype("n", (256, 4, 4), (conv(512, 3, bias=True),), head=(gap(), linear(1000)), style=Style(init=init))  # type: ignore[arg-type]
    net = build(g)
    assert net.get_submodule("stem.0.conv").weight.detach().std() == pytest.approx(conv_std, rel=0.01)
    assert net.get_submodule("head.1.linear").weight.detach().std() == pytest.approx(linear_std, rel=0.01)
    norm = net.get_submodule("stem.0.norm")
    assert norm.weight.eq(1).all()
    assert norm.bias.eq(0).all()
    assert norm.running_var.eq(1).all()
    assert norm.running_mean.eq(0).all()


def test_depthwise_weights_are_spread_by_their_own_group() -> None:
    torch.manual_seed(0)
    net = build(Genotype("n", (512, 4, 4), (conv(512, 3, groups="depthwise"),)))
    assert net.get_submodule("stem.0.conv").weight.detach().std() == pytest.approx((2 / 9) ** 0.5, rel=0.05)


def test_signals_neither_die_nor_explode_at_the_start() -> None:
    for name in CORE:
        torch.manual_seed(0)
        g = small(name)
        with torch.no_grad():
            logits = whole(build(g)(images(g, 8)))
        assert 1e-3 < logits.std() < 1e3, name


def test_building_leaves_torchs_own_modules_alone() -> None:
    """Also while another thread builds: a module made meanwhile is initialised as ever."""
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            build(small("mobilenet_v2"), "meta")

    before = nn.Conv2d.reset_parameters, nn.Linear.reset_parameters
    threads = [threading.Thread(target=busy) for _ in range(2)]
    for t in threads:
        t.start()
    try:
        spreads = [float(nn.Conv2d(64, 64, 3).weight.detach().std()) for _ in range(300)]
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert all(0.02 < s < 0.03 for s in spreads)  # (1 / 3 / 576) ** 0.5 = 0.024
    assert (nn.Conv2d.reset_parameters, nn.Linear.reset_parameters) == before


def test_a_network_is_copied_pickled_and_sent() -> None:
    g = Genotype("n", (4, 8, 8), (mbconv(4, se="in/4"), shuffle(8)), head=(gap(), linear(3)))
    net = build(g).eval()
    image = images(g)
    with torch.no_grad():
        for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            assert torch.equal(other(image), net(image))


def test_the_default_device_is_obeyed() -> None:
    with torch.device("meta"):
        assert build(small("resnet18")).get_submodule("stem.0.conv").weight.device.type == "meta"
    assert build(small("lenet5_modern"), torch.device("cpu")).get_submodule("stem.0.conv").weight.device.type == "cpu"


@pytest.mark.parametrize("name", classics(QUICK))
def test_it_compiles_without_a_break(name: str) -> None:
    """With the eager backend: what is tested is that the graph is whole. `slow` has inductor's code too."""
    torch._dynamo.reset()
    g = small(name)
    net = build(g).eval()
    image = images(g)
    hold(net, image)  # NaN, which the deepest would answer else, equals nothing
    with torch.no_grad():
        assert torch.equal(torch.compile(net, fullgraph=True, backend="eager")(image), net(image))


@pytest.mark.parametrize("name", classics(QUICK))
def test_it_exports(name: str) -> None:
    g = small(name)
    net = build(g).eval()
    image = images(g)
    hold(net, image)
    exported = torch.export.export(net, (image,))
    with torch.no_grad():
        assert torch.equal(exported.module()(image), net(image))


@pytest.mark.slow
@pytest.mark.parametrize("name", CORE)
def test_it_compiles_with_inductor(name: str) -> None:
    torch._dynamo.reset()
    g = small(name)
    net = build(g).eval()
    scramble(net)
    image = images(g)
    with torch.no_grad():
        expected = net(image)
        found = torch.compile(net, fullgraph=True)(image)
        assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_a_trace_alone_is_enough() -> None:
    layers = trace(small("resnet18"))
    assert build_trace(layers, "other").eval()(torch.empty(1, 3, 32, 32, device="meta")).shape == (1, 10)
