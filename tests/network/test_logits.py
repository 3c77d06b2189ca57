"""Every known network computes what its reference does; and what is wrong in one place does not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
import torch
from classics import CORE, classics
from references import error, images, reference, resized, scramble, trace_of
from torch import nn

from nasbench.errors import WeightsError
from nasbench.genotype import Genotype, Layer, Trace, adapt, inference, trace
from nasbench.genotype.layer import Fields
from nasbench.network import AuxiliaryHead, build, build_trace, initialise, load_weights
from nasbench.zoo import facts, known

COMPARED = [name for name, fact in facts().items() if fact.references or name == "lenet5_modern"]

kept = lru_cache(maxsize=1)(reference)  # controls of one network follow each other

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", classics(names=COMPARED))
def test_logits_are_the_references(name: str) -> None:
    assert error(trace_of(name), kept(name), images(resized(name))) <= 1e-6


def styled(name: str, **changes: Any) -> Callable[[], Trace]:
    def make() -> Trace:
        g = resized(name)
        return trace(replace(g, style=replace(g.style, **changes)))

    return make


def altered(name: str, where: str, i: int, **changes: Any) -> Callable[[], Trace]:
    """Another value in the row `i` of the stem, the head or (all rows of all stages in sequence) the stages."""

    def make() -> Trace:
        g = resized(name)
        if where != "stages":
            rows = list(getattr(g, where))
            rows[i] = rows[i].but(**changes)
            return trace(replace(g, **{where: tuple(rows)}))
        flat = [row for stage in g.stages for row in stage]
        flat[i] = flat[i].but(**changes)
        return trace(replace(g, stages=(tuple(flat),)))

    return make


def rewired(name: str, kind: str, change: Callable[[Layer], Layer], number: int = 0) -> Callable[[], Trace]:
    """Another trace: the given one of the layers of a kind is changed."""

    def make() -> Trace:
        layers = list(trace_of(name))
        i = [x.index for x in layers if x.kind == kind][number]
        layers[i] = change(layers[i])
        return tuple(layers)

    return make


CONTROLS = {
    "lenet5_modern, tanh": ("lenet5_modern", styled("lenet5_modern", act="tanh")),
    "lenet5_modern, average pooling": ("lenet5_modern", altered("lenet5_modern", "stem", 1, mode="avg")),
    "alexnet, average pooling": ("alexnet", altered("alexnet", "stem", 1, mode="avg")),
    "vgg16, one activation too few": ("vgg16", altered("vgg16", "head", 1, act="none")),
    "googlenet, eps": ("googlenet", styled("googlenet", eps=1e-5)),
    "googlenet, branches in another order": ("googlenet", rewired("googlenet", "concat", lambda x: x._replace(inputs=x.inputs[::-1]))),
    "densenet121, new features first": ("densenet121", rewired("densenet121", "concat", lambda x: x._replace(inputs=x.inputs[::-1]))),
    "densenet121, max pooling": (
        "densenet121",
        rewired("densenet121", "pool", lambda x: x._replace(attrs=Fields({**x.attrs, "mode": "max"})), 1),
    ),
    "squeezenet1_1, no last activation": ("squeezenet1_1", altered("squeezenet1_1", "head", 1, act="none")),
    "resnet18, one skip missing": ("resnet18", rewired("resnet18", "add", lambda x: x._replace(inputs=x.inputs[:1]))),
    "resnet50, stride in the first 1x1": ("resnet50", altered("resnet50", "stages", 1, stride_at="first")),
    "resnet50, no last activation": ("resnet50", styled("resnet50", act="silu")),
    "resnext50_32x4d, eps": ("resnext50_32x4d", styled("resnext50_32x4d", eps=1e-3)),
    "seresnet50, gate": ("seresnet50", styled("seresnet50", se_gate="hardsigmoid")),
    "seresnet50, gate forgotten": (
        "seresnet50",
        rewired("seresnet50", "scale", lambda x: x._replace(kind="slice", inputs=x.inputs[:1], attrs=Fields(start=0, stop=x.channels))),
    ),
    "mobilenet_v1, ReLU6": ("mobilenet_v1", styled("mobilenet_v1", act="relu6")),
    "mobilenet_v2, ReLU": ("mobilenet_v2", styled("mobilenet_v2", act="relu")),
    "mobilenet_v2, no skips in a stage": ("mobilenet_v2", altered("mobilenet_v2", "stages", 3, skip=False)),
    "mobilenet_v3_large, gate": ("mobilenet_v3_large", styled("mobilenet_v3_large", se_gate="sigmoid")),
    "mobilenet_v3_large, eps": ("mobilenet_v3_large", styled("mobilenet_v3_large", eps=1e-5)),
    "mobilenet_v3_large, ReLU in the stem": ("mobilenet_v3_large", altered("mobilenet_v3_large", "stem", 0, act="relu")),
    "mobilenet_v3_small, swish for its hard form": ("mobilenet_v3_small", altered("mobilenet_v3_small", "stages", 3, act="silu")),
    "shufflenet_v2_x1_0, one shuffle missing": (
        "shufflenet_v2_x1_0",
        rewired("shufflenet_v2_x1_0", "interleave", lambda x: x._replace(attrs=Fields(groups=1))),
    ),
    "shufflenet_v2_x1_0, the other half": (
        "shufflenet_v2_x1_0",
        rewired("shufflenet_v2_x1_0", "slice", lambda x: x._replace(attrs=Fields(start=x.channels, stop=2 * x.channels))),
    ),
    "mnasnet1_0, eps": ("mnasnet1_0", styled("mnasnet1_0", eps=1e-3)),
    "mnasnet_a1, gate": ("mnasnet_a1", styled("mnasnet_a1", se_gate="hardsigmoid")),
    "efficientnet_b0, ReLU in the gate": ("efficientnet_b0", styled("efficientnet_b0", se_act="relu")),
    "zfnet, other normalisation": ("zfnet", rewired("zfnet", "lrn", lambda x: x._replace(attrs=Fields({**x.attrs, "alpha": 0.1})))),
    "nin_cifar10, max pooling": ("nin_cifar10", altered("nin_cifar10", "stages", 2, mode="max")),
    "squeezenet1_0_simple_bypass, one missing": (
        "squeezenet1_0_simple_bypass",
        rewired("squeezenet1_0_simple_bypass", "add", lambda x: x._replace(inputs=x.inputs[:1])),
    ),
    "inception_v3, padded zeros do not count": (
        "inception_v3",
        rewired("inception_v3", "pool", lambda x: x._replace(attrs=Fields({**x.attrs, "count_pad": False})), 2),
    ),
    "inception_resnet_v2, another scale": (
        "inception_resnet_v2",
        rewired("inception_resnet_v2", "multiply", lambda x: x._replace(attrs=Fields(by=0.2))),
    ),
    "xception, eps": ("xception", styled("xception", eps=1e-3)),
    "preresnet18, one skip missing": ("preresnet18", rewired("preresnet18", "add", lambda x: x._replace(inputs=x.inputs[:1]))),
    "wrn40_1_cifar10, no last activation": ("wrn40_1_cifar10", altered("wrn40_1_cifar10", "head", 0, act="none")),
    "shufflenet_v1_g3, one shuffle missing": (
        "shufflenet_v1_g3",
        rewired("shufflenet_v1_g3", "interleave", lambda x: x._replace(attrs=Fields(groups=1))),
    ),
    "nasnet_a_mobile, an average in place of a maximum": (
        "nasnet_a_mobile",
        rewired("nasnet_a_mobile", "pool", lambda x: x._replace(attrs=Fields({**x.attrs, "mode": "avg"}))),
    ),
    "efficientnet_v2_s, ReLU in the gate": ("efficientnet_v2_s", styled("efficientnet_v2_s", se_act="relu")),
    "efficientnet_b0, no skips in a stage": ("efficientnet_b0", altered("efficientnet_b0", "stages", 2, skip=False)),
}


def test_every_family_with_a_reference_has_a_control() -> None:
    families = {facts()[name].family for name, _ in CONTROLS.values()}
    assert families >= {facts()[name].family for name in COMPARED}


@pytest.mark.parametrize("case", CONTROLS)
def test_a_network_that_is_wrong_in_one_place_does_not_pass(case: str) -> None:
    name, make = CONTROLS[case]
    try:
        difference = error(make(), kept(name), images(resized(name)))
    except WeightsError:  # another wiring is seen before any image
        difference = math.inf
    assert difference > 1e-4


def strip(net: nn.Module) -> nn.Module:
    """Without auxiliary heads, which have tests of their own."""
    for module in net.modules():
        if isinstance(module, AuxiliaryHead):
            module.rows = nn.Identity()
    return net


@pytest.mark.parametrize("name", CORE)
def test_what_only_training_shows_is_the_references_too(name: str) -> None:
    """Momentum and eps of every norm, and every dropout, in the order they run."""
    theirs, ours = kept(name), build(known(name), "meta")

    def norms(net: nn.Module) -> list[tuple[int, float, float]]:
        return [(m.num_features, m.eps, round(m.momentum, 12)) for m in net.modules() if isinstance(m, nn.BatchNorm2d)]

    def dropouts(net: nn.Module) -> list[float]:
        return [m.p for m in net.modules() if isinstance(m, nn.Dropout) and m.p > 0]

    assert norms(strip(ours)) == norms(theirs)
    if name not in ("seresnet50", "mnasnet_a1", "mobilenet_v1"):  # timm and pytorchcv have it as a number of the head, or not
        assert dropouts(strip(ours)) == dropouts(theirs)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x1_0", "googlenet"])
def test_a_training_step_is_the_references(name: str) -> None:
    """Loss, gradients and running statistics, with dropout off, in double precision."""
    g = adapt(known(name), (3, 64, 64))
    theirs = reference(name).double().train()
    ours = build_trace(inference(trace(g))).to_empty(device="cpu").double().train()
    initialise(ours, "torch")
    load_weights(ours, theirs.state_dict())
    for net in (ours, theirs):
        for m in net.modules():
            if isinstance(m, nn.Dropout):
                m.p = 0.0
    image = images(g, 4).double()
    for net in (ours, theirs):
        nn.functional.cross_entropy(net(image), torch.arange(4)).backward()
    pairs = list(zip(ours.named_parameters(), theirs.parameters(), strict=True))
    largest = max(float(b.grad.abs().max()) for _, b in pairs)
    assert largest > 0
    for (where, a), b in pairs:
        assert a.grad.reshape(b.grad.shape).sub(b.grad).abs().max() <= 1e-9 * largest, where
    for (where, a), b in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        assert torch.allclose(a, b, rtol=1e-9), where


def test_scrambled_weights_are_seen_through() -> None:
    """The control of the method: with default initialisation EfficientNet-B0 says nothing, with ours it does."""
    g = adapt(known("efficientnet_b0"), (3, 64, 64))
    torch.manual_seed(0)
    blind = build(Genotype(g.name, g.input, g.stem, g.stages, g.head, replace(g.style, init="torch"))).eval()
    with torch.no_grad():
        logits = blind(images(g))
        assert (logits[0] - logits[1]).abs().max() < 1e-3 * logits.abs().max()
        scramble(blind)
        logits = blind(images(g))
        assert (logits[0] - logits[1]).abs().max() > 1e-2 * logits.abs().max()
