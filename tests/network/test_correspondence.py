"""Weights of a network whose modules are defined, named and run in other orders than ours: the same logits, or a refusal; never others."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision
from classics import classics, smallest_side
from references import calibrate, images, reference, resized, scramble, spread
from safetensors.torch import load_file, save_file
from shuffled import foreign_module, shuffle_definitions
from torch import Tensor, nn

import nasbench as nb
from nasbench.errors import GenotypeError, WeightsError, WeightsWarning
from nasbench.genotype import BLOCK_TYPES, Block, Genotype, Tracer, Value, adapt, block, trace
from nasbench.genotype.blocks import branches, conv, gap, linear, residual
from nasbench.genotype.fields import Width
from nasbench.network import build, build_trace, load_weights
from nasbench.network.references import make_reference, references

pytestmark = pytest.mark.filterwarnings("ignore::nasbench.errors.WeightsWarning")

AMBIGUOUS = re.compile(
    r"each tensor must have one counterpart; .*\S+ may be \S+ or \S+, (which stand alike|and names and order)|"
    r"the first without a counterpart is"  # auxiliary heads that nothing names so
)
QUICK = (
    "squeezenet1_0_simple_bypass",
    "lenet1",
    "lenet5_modern",
    "resnet18",
    "googlenet",
    "densenet121",
    "shufflenet_v2_x1_0",
    "mobilenet_v3_small",
    "nin_cifar10",
)


@pytest.fixture(autouse=True)
def own_blocks() -> Iterator[None]:
    """Block types as a user writes them: nested names, a name used twice, equal paths that are added or stand side by side."""

    @block
    def nested(t: Tracer, x: Value, *, width: Width) -> Value:
        """Three units, the third of which is named beside the first."""
        x = t.unit(x, t.width(width, x), 3, name="a.one")
        x = t.unit(x, x.channels, 3, name="b")
        return t.unit(x, x.channels, 3, name="a.two")

    @block
    def twice(t: Tracer, x: Value, *, width: Width) -> Value:
        """Two units of one name, and a third inside."""
        y = t.unit(x, t.width(width, x), 1, name="same")
        with t.at("same"):
            y = t.unit(y, y.channels, 3, name="same")
        return t.add(t.unit(y, y.channels, 1, name="same"), y)

    @block
    def alike(t: Tracer, x: Value, *, width: Width) -> Value:
        """Two equal paths that are added, beside two that are concatenated."""
        out = t.width(width, x)
        added = t.add(*[t.unit(x, out, 3, name=f"added{i}") for i in range(2)])
        return t.concat(added, *[t.unit(x, out, 3, name=f"beside{i}") for i in range(2)])

    yield
    for name in ("nested", "twice", "alike"):
        BLOCK_TYPES.pop(name)


def random_genotype(seed: int) -> Genotype:
    """A network of the spaces or of the blocks above, for images of 32 to 64 pixels."""
    draw = random.Random(seed)
    if seed % 2:
        g = nb.space(draw.choice(["mbconv", "macro", "shuffle", "residual", "shared"])).sample(seed)
        return next(fitting for side in (64, 128, 224) if traces(fitting := adapt(g, (g.input[0], side, side), 10)))
    kinds = ["nested", "twice", "alike"]
    rows = tuple(Block(draw.choice(kinds), {"width": draw.choice([4, 8])}, draw.choice([1, 2, 3])) for _ in range(3))
    fork = branches(((conv(8, 3), conv(8, 3)), (conv(8, 3),)), join=draw.choice(["add", "concat"]))
    return Genotype(f"random{seed}", (3, 32, 32), (conv(8, 3), *rows[:1]), ((*rows[1:], fork), (residual(8, 2),)), (gap(), linear(10)))


def traces(g: Genotype) -> bool:
    try:
        return bool(trace(g))
    except GenotypeError:  # a window does not fit into so small a map
        return False


def foreign(g: Genotype, seed: int) -> nn.Module:
    """The network as somebody else's, with weights that a comparison can see through."""
    net = foreign_module(trace(g), seed).to_empty(device="cpu").eval()
    scramble(net)
    if not spread(net, images(g)) > 0.01:  # a thousand layers: the signal runs over
        calibrate(net, images(g, 4))
    return net.eval()


@torch.no_grad()
def same_logits(net: nn.Module, theirs: nn.Module, g: Genotype) -> bool:
    image = images(g)
    expected = theirs.eval()(image)
    assert spread(theirs, image) > 0.001, "nothing could be seen"
    return float((net.eval()(image) - expected).abs().max() / expected.abs().max()) < 1e-5


def test_a_block_whose_names_are_nested_out_of_order_loads_from_a_sequential() -> None:
    """The state dict of ours has a.one, a.two, b; they run as a.one, b, a.two, and all have one shape."""
    g = Genotype("n", (8, 6, 6), stages=((Block("nested", {"width": 8}),),), head=(gap(), linear(3)))
    units = [nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()) for _ in range(3)]
    theirs = nn.Sequential(*[layer for unit in units for layer in unit], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    scramble(theirs)
    for like in (None, theirs, lambda: theirs, "order"):
        net = build(g)
        load_weights(net, theirs.state_dict(), like=like)
        assert same_logits(net, theirs, g)
    net = build(g)
    load_weights(net, dict(sorted(theirs.state_dict().items(), reverse=True)))
    assert same_logits(net, theirs, g), "a lost order is found again in the numbers"


def loads_or_refuses(g: Genotype, theirs: nn.Module) -> None:
    """Without the module, its names and shapes must be enough, or the refusal names the first tensor that may be several."""
    net = build_trace(trace(g)).to_empty(device="cpu")
    try:
        load_weights(net, theirs.state_dict())
    except WeightsError as error:
        assert AMBIGUOUS.search(str(error)), error  # noqa: PT017 - it need not be raised
    else:
        assert same_logits(net, theirs, g)


@pytest.mark.parametrize("seed", [pytest.param(s, marks=() if s < 8 else pytest.mark.slow) for s in range(40)])
def test_random_networks_load_from_modules_in_any_order_or_are_refused(seed: int) -> None:
    g = random_genotype(seed)
    theirs = foreign(g, seed)
    net = build(g)
    load_weights(net, theirs.state_dict(), like=theirs)
    assert same_logits(net, theirs, g)
    loads_or_refuses(g, theirs)


@pytest.mark.parametrize("name", classics(QUICK))
def test_known_networks_load_from_modules_in_any_order_or_are_refused(name: str) -> None:
    """Each under names that say nothing; and where a library has it, from that module with its definitions shuffled."""
    g = adapt(nb.known(name), (nb.known(name).input[0], *[smallest_side(name)] * 2))
    theirs = foreign(g, 3)
    net = build_trace(trace(g)).to_empty(device="cpu")
    load_weights(net, theirs.state_dict(), like=theirs)
    assert same_logits(net, theirs, g)
    loads_or_refuses(g, theirs)
    for call in references(name)[:1]:
        g, theirs = resized(name, call), shuffle_definitions(reference(name, call), 5)
        net = build_trace(trace(g)).to_empty(device="cpu")
        load_weights(net, theirs.state_dict())
        assert same_logits(net, theirs, g)


def test_what_is_compared_can_tell_two_layers_apart() -> None:
    """The control: with two tensors of one shape exchanged, the logits are others."""
    g = random_genotype(0)
    theirs = foreign(g, 0)
    net = build(g)
    load_weights(net, theirs.state_dict(), like=theirs)
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    one, two = next((a, b) for i, a in enumerate(convs) for b in convs[:i] if a.weight.shape == b.weight.shape)
    one.weight.data, two.weight.data = two.weight.data, one.weight.data
    assert not same_logits(net, theirs, g)


REGNET = ((64, 1), (128, 3), (288, 7), (672, 5))  # widths and depths of RegNetX-800MF (Radosavovic et al. 2020); groups of 16 channels


def test_a_regnet_of_torchvision_loads_though_it_projects_before_the_branch() -> None:
    stages = tuple((residual(width, 2, mid="out", groups=width // 16, repeat=depth),) for width, depth in REGNET)
    g = Genotype("regnet_x_800mf", (3, 64, 64), (conv(32, 3, 2),), stages, (gap(), linear(1000)))
    theirs = torchvision.models.regnet_x_800mf(weights=None)
    assert nb.cost(g).params == sum(p.numel() for p in theirs.parameters())
    scramble(theirs)
    for like in (theirs, torchvision.models.regnet_x_800mf, "torchvision.models.regnet_x_800mf(weights=None)"):
        net = build(g)
        load_weights(net, theirs.state_dict(), like=like)
        assert same_logits(net, theirs, g)
    with pytest.raises(
        WeightsError, match=r"stages\.0\.0\.reduce\.conv\.weight may be .*proj\.0\.weight or .*f\.a\.0\.weight, and names and"
    ):
        load_weights(net, theirs.state_dict())


def test_a_safetensors_file_of_a_network_outside_the_zoo_loads(tmp_path: Path) -> None:
    g = random_genotype(2)
    theirs = foreign(g, 2)
    save_file({k: v.contiguous() for k, v in theirs.state_dict().items()}, tmp_path / "w.safetensors")
    state = load_file(tmp_path / "w.safetensors")
    net = build(g)
    load_weights(net, state, like=theirs)
    assert same_logits(net, theirs, g)
    with pytest.raises(WeightsError, match=AMBIGUOUS):
        load_weights(net, state)


def test_a_pooled_and_a_plain_path_of_equal_convolutions_are_told_apart() -> None:
    """Both read one value and end in one sum; only the pooling between differs."""

    class Theirs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late, self.early = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
            self.last = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            pooled = nn.functional.avg_pool2d(x, 3, 1, 1)
            return self.last((self.early(pooled) + self.late(x)).relu().mean((2, 3)))

    plain = {"norm": False, "act": "none"}
    paths = ((conv(4, **plain),), (Block("pool", {"mode": "avg", "kernel": 3, "stride": 1}), conv(4, **plain)))
    g = Genotype("n", (4, 8, 8), stages=((branches(paths, join="add", act="relu"),),), head=(gap(), linear(3)))
    theirs = Theirs().eval()
    scramble(theirs)
    net = build(g)
    load_weights(net, theirs.state_dict(), like=theirs)
    assert same_logits(net, theirs, g)


def test_a_module_that_is_wired_otherwise_is_refused() -> None:
    """The shapes agree; a layer reads another value."""
    g = Genotype("n", (4, 8, 8), (conv(4, 3, norm=False, repeat=2),), head=(gap(), linear(3)))

    class Theirs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.c((self.a(x) + self.b(x)).mean((2, 3)))

    theirs = Theirs()
    with pytest.raises(WeightsError, match=r"the shapes of both networks agree, but no tensor of the weights is wired as stem\.0\.conv"):
        load_weights(build(g), theirs.state_dict(), like=theirs)


@pytest.mark.parametrize(
    ("like", "said"),
    [
        ("resnet19", r"like= names a known network, or is a constructor .*got 'resnet19', .*did you mean resnet18"),
        ("resnet50", r"got 'resnet50', and the weights have the names of none of its references"),
        ("os.system('x')", "a reference is one call of a function of torchvision"),
        (lambda: 3, "makes int"),
        (lambda: 1 / 0, "fails: ZeroDivisionError: division by zero; correct it, or pass the module itself"),
        (7, "like= is a module, .*; got 7"),
        ("torchvision.models.resnet81()", "AttributeError"),
        ("torchvision.models.resnet18(depth=3)", "TypeError"),
        ("timm.create_model('resnet_18')", "Unknown model"),
        (nn.Conv2d(3, 4, 3), "the network given as like=; it has no tensor"),
        (lambda: make_reference("torchvision.models.resnet18(weights=None)"), "it has no tensor"),
    ],
)
def test_a_like_that_is_none_is_refused(like: object, said: str) -> None:
    g = random_genotype(0)
    with pytest.raises(WeightsError, match=said):
        load_weights(build(g), foreign(g, 0).state_dict(), like=like)  # type: ignore[arg-type]


def test_a_network_that_fails_on_the_image_is_refused() -> None:
    g = Genotype("n", (4, 8, 8), (conv(4, 3),), head=(gap(), linear(3)))
    theirs = nn.Sequential(nn.Flatten(), nn.Linear(7, 3))
    with pytest.raises(WeightsError, match=r"runs on images of 4x8x8, the input of the genotype; Sequential does not: "):
        load_weights(build(g), theirs.state_dict(), like=theirs)


def test_numbers_that_no_training_leaves_are_said() -> None:
    g = Genotype("n", (3, 8, 8), (conv(4, 3),), head=(gap(), linear(5)))
    state = build(g).state_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_weights(build(g), state)
    state["stem.0.conv.weight"][0, 0, 0, :2] = torch.tensor([float("nan"), float("inf")])
    state["head.1.linear.bias"][:3] = 1e-40
    with pytest.warns(WeightsWarning) as caught:
        load_weights(build(g), state)
    assert [str(w.message).split(";")[0] for w in caught] == [
        "1 number of the weights is NaN, in stem.0.conv.weight",
        "1 number of the weights is infinite, in stem.0.conv.weight",
        "3 numbers of the weights are denormal, in head.1.linear.bias",
    ]


def test_what_no_tensor_holds_is_said_and_offered() -> None:
    """torchvision's pretrained Inception v3 changes its images; timm's EfficientNet of TensorFlow pads and normalises otherwise."""
    g = replace(nb.known("inception_v3"), input=(3, 96, 96))
    theirs = make_reference(references("inception_v3")[2], transform_input=True).eval()
    scramble(theirs)
    net = build_trace(trace(g)).to_empty(device="cpu")
    with pytest.warns(WeightsWarning, match=r'transform_input.*nasbench\.preprocess\(net, "transform_input"\)'):
        load_weights(net, theirs.state_dict(), like=theirs)
    assert not same_logits(net, theirs, g)
    assert same_logits(nb.preprocess(net, "transform_input"), theirs, g)
    with pytest.warns(WeightsWarning, match=r"if these are torchvision's pretrained weights"):
        load_weights(net, theirs.state_dict())
    with pytest.raises(WeightsError, match="a change of images is one of transform_input; got 'transform'"):
        nb.preprocess(net, "transform")
    g = replace(nb.known("efficientnet_b0"), input=(3, 64, 64))
    with pytest.warns(WeightsWarning, match=r"may compute otherwise: padding is \(1, 1\) at stem\.0\.conv, \(0, 0\) there") as caught:
        load_weights(build(g), theirs_of(call := "timm.create_model('tf_efficientnet_b0', pretrained=False)"), like=call)
    assert len(caught) == 2, "and eps"


def theirs_of(call: str) -> dict[str, Tensor]:
    net = make_reference(call)
    scramble(net)
    return net.state_dict()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.zeros(4, 3, 3, 3, dtype=torch.int8), "stem.0.conv.weight is strided int8"),
        (torch.zeros(4, 3, 3, 3).to_sparse(), "stem.0.conv.weight is sparse_coo float32"),
        (torch.zeros(4, 3, 3, 3, dtype=torch.complex64), "stem.0.conv.weight is strided complex64"),
    ],
)
def test_tensors_that_are_no_plain_numbers_are_refused(value: Tensor, said: str) -> None:
    g = Genotype("n", (3, 8, 8), (conv(4, 3),), head=(gap(), linear(5)))
    with pytest.raises(WeightsError, match=f"weights are dense tensors of floating-point numbers; {said}; convert it"):
        load_weights(build(g), {**build(g).state_dict(), "stem.0.conv.weight": value})
