from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nasbench.errors import WeightsError
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear, mbconv
from nasbench.network import build, load_weights
from nasbench.network.references import make_reference, references
from nasbench.zoo import known

G = Genotype("n", (3, 8, 8), (conv(4, 3),), ((mbconv(4, se="in/4"),),), (gap(), linear(5)))


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return build(G)


def other(seed: int = 1) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return {k: torch.randn_like(v) if v.is_floating_point() else v + 7 for k, v in build(G).state_dict().items()}


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"features.{i}": v for i, v in enumerate(state.values())}


def copied(net: nn.Module, state: dict[str, Tensor]) -> bool:
    mine = net.state_dict()
    return all(torch.equal(mine[k], v) for k, v in state.items() if "num_batches" not in k)


def test_by_name_in_any_order(net: nn.Module) -> None:
    state = other()
    load_weights(net, dict(reversed(state.items())))
    assert copied(net, state)


def test_in_order_where_the_names_are_others_and_the_user_says_so(net: nn.Module) -> None:
    """Two norms have one shape, so that nothing but the order tells them apart, and the order of a state dict is not that of a run."""
    state = other()
    theirs = {k.replace("stem.0", "layer0").replace("stages", "blocks").replace("head", "fc"): v for k, v in state.items()}
    load_weights(net, OrderedDict(theirs), like="order")
    assert copied(net, state)
    with pytest.raises(
        WeightsError, match=r"by its shape \[4\], stem\.0\.norm\.weight may be layer0\.norm\.weight or blocks\..*; say which"
    ):
        load_weights(net, OrderedDict(theirs))


def test_shapes_that_occur_once_tell_each_layer(net: nn.Module) -> None:
    g = Genotype("n", (3, 8, 8), (conv(4, 3), conv(6, 3), conv(5)), head=(gap(), linear(7)))
    mine = build(g)
    state = {k: torch.randn_like(v) for k, v in build(g).state_dict().items() if v.is_floating_point()}
    names = {"stem.0": "third", "stem.1": "a.first", "stem.2": "b", "head.1": "a.fc"}
    theirs = {next(k.replace(old, new) for old, new in names.items() if k.startswith(old)): v for k, v in state.items()}
    load_weights(mine, dict(sorted(theirs.items())))
    assert copied(mine, state)


@pytest.mark.parametrize("before", ["module.", "_orig_mod.", "module._orig_mod.", "model.", "net.backbone.", "x"])
def test_what_wrappers_put_before_every_name_is_taken_off(net: nn.Module, before: str) -> None:
    state = other()
    load_weights(net, {before + k: v for k, v in state.items()})
    assert copied(net, state)
    load_weights(build(G), dict(reversed({before + k: v for k, v in state.items()}.items())))
    with pytest.raises(WeightsError):
        load_weights(net, {before + k: v for k, v in state.items()} | {"extra.weight": torch.zeros(1)})


@pytest.mark.parametrize("before", ["module.", "_orig_mod."])
def test_wrappers_are_taken_off_other_names_too(net: nn.Module, before: str) -> None:
    state = other()
    load_weights(net, {before + k.replace("stem", "features"): v for k, v in state.items()}, like="order")
    assert copied(net, state)


def test_names_that_contradict_the_order_are_refused(net: nn.Module) -> None:
    """As where two tensors of one shape have changed places, so that the shapes alone would let them pass."""
    state = {k.replace("stem", "features"): v for k, v in other().items() if "num_batches" not in k}
    names = list(state)
    i, j = names.index("features.0.norm.weight"), names.index("features.0.norm.bias")
    names[i], names[j] = names[j], names[i]
    with pytest.raises(WeightsError, match=r"what its counterpart is; stem\.0\.norm\.weight meets features\.0\.norm\.bias, though"):
        load_weights(net, {k: state[k] for k in names}, like="order")
    names = [k.replace("features.0.norm.bias", "elsewhere.norm.bias") for k in state]
    with pytest.raises(WeightsError, match=r"stem\.0\.norm\.bias meets elsewhere\.norm\.bias"):
        load_weights(net, dict(zip(names, state.values(), strict=True)), like="order")


def test_a_convolution_over_the_whole_map_may_stand_for_a_linear_layer() -> None:
    g = Genotype("n", (3, 4, 4), head=(linear(5),))
    net, weight = build(g), torch.randn(5, 3, 4, 4)
    load_weights(net, {"fc.weight": weight, "fc.bias": torch.zeros(5)})
    image = torch.randn(2, 3, 4, 4)
    with torch.no_grad():
        assert torch.allclose(net(image), nn.functional.conv2d(image, weight).flatten(1), atol=1e-5)


def test_another_number_of_classes_is_named(net: nn.Module) -> None:
    state = {k: v[:3] if "head" in k else v for k, v in other().items()}
    for spelled in (state, {f"x.{k}": v for k, v in state.items()}):
        with pytest.raises(WeightsError, match=r"is \[3, 4\]; they have 3 classes and the network has 5; .* --classes 3"):
            load_weights(net, spelled)


NAMES = "torchvision.models.googlenet(weights=None, aux_logits=True, init_weights=False)"


@pytest.mark.filterwarnings("ignore::nasbench.errors.WeightsWarning")
@pytest.mark.parametrize("heads", [True, False])
def test_googlenet_from_sorted_names_is_the_same(heads: bool) -> None:
    """Safetensors files lose the order of tensors; those of its heads, and of the rest, are found by the names of the reference."""
    state = {k: torch.randn_like(v) for k, v in make_reference(NAMES).state_dict().items() if v.is_floating_point()}
    state = {k: v for k, v in state.items() if heads or not k.startswith("aux")}
    nets = [build(known("googlenet")) for _ in range(3)]
    for net, like in zip(nets, (None, "googlenet", NAMES), strict=True):
        load_weights(net, {k: state[k] for k in sorted(state)}, like=like)
    one, *others = [{k: v for k, v in net.state_dict().items() if heads or "auxiliary" not in k} for net in nets]
    assert all(torch.equal(other[k], v) for other in others for k, v in one.items())
    assert torch.equal(one["stem.0.conv.weight"], state["conv1.conv.weight"])
    if heads:
        assert torch.equal(one["stages.1.5.auxiliary.rows.1.conv.weight"], state["aux2.conv.conv.weight"])


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    call = next(r for r in references("resnet18") if r.startswith("timm"))
    with torch.device("meta"):
        theirs = make_reference("timm.create_model('mobilenetv2_100')").state_dict()
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(WeightsError, match=r"needs timm, which is not installed here; pip install timm"):
        make_reference(call)
    with pytest.raises(WeightsError, match=r"the names of timm.*not installed here; pip install timm, or say like=\"order\""):
        load_weights(build(known("mobilenet_v2")), theirs)


@pytest.mark.parametrize(
    "call",
    [
        "os.system('touch ran')",
        "torchvision.models.resnet18(weights=open('x'))",
        "torchvision.models.resnet18(**{})",
        "torchvision.models.resnet18",
        "torchvision.__builtins__.eval('1')",
        "torchvision.models._api.get_model('x')",
        "timm.create_model('a')('b')",
        "(lambda: timm)().create_model('a')",
        "__import__('os').system('touch ran')",
        "resnet18()",
        "x = 1",
        "",
    ],
)
def test_a_reference_is_read_and_not_run(call: str) -> None:
    with pytest.raises(WeightsError, match="a reference is one call of a function of torchvision, timm, pytorchcv with plain values; got"):
        make_reference(call)


def test_counters_of_batches_are_left_alone_and_may_be_missing(net: nn.Module) -> None:
    state = {k: v for k, v in other().items() if "num_batches" not in k}
    load_weights(net, state)
    assert copied(net, state)
    load_weights(net, other())
    assert all(v == 0 for k, v in net.state_dict().items() if "num_batches" in k)


def test_a_1x1_convolution_and_a_linear_layer_hold_the_same_numbers(net: nn.Module) -> None:
    state = other()
    flat = {k: v[:, :, 0, 0] if v.dim() == 4 and v.shape[2:] == (1, 1) else v for k, v in state.items()}
    square = {k: v[:, :, None, None] if v.dim() == 2 else v for k, v in state.items()}
    for theirs in (flat, square):
        load_weights(net, theirs)
        assert copied(net, state)


def without(state: dict[str, Tensor], *words: str) -> dict[str, Tensor]:
    return {k: v for k, v in state.items() if not any(w in k for w in words)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda s: {**s, "stem.0.conv.weight": torch.zeros(4, 3, 5, 5)},
            "each tensor must have the shape of its counterpart; stem.0.conv.weight is [4, 3, 3, 3] and stem.0.conv.weight is [4, 3, 5, 5]",
        ),
        (
            lambda s: {**s, "head.1.linear.bias": torch.zeros(1000), "head.1.linear.weight": torch.zeros(1000, 4)},
            "head.1.linear.weight is [5, 4] and head.1.linear.weight is [1000, 4]",  # the first of the two
        ),
        (
            lambda s: {f"x{k}": v for k, v in {**s, "stem.0.norm.bias": torch.zeros(5)}.items()},
            "stem.0.norm.bias is [4] and xstem.0.norm.bias is [5]",
        ),
        (lambda s: without(s, "head"), "the weights have 24; the first without a counterpart is head.1.linear.weight"),
        (
            lambda s: {**s, "last.weight": torch.zeros(3)},
            "counterpart is last.weight; load the weights of the same network",
        ),
        (lambda s: {}, "the weights have 0; the first without a counterpart is stem.0.conv.weight"),
        (
            lambda s: {**s, "stem.0.conv.weight": [1.0]},
            "weights are a mapping of names to tensors; 'stem.0.conv.weight' holds list; pass net.state_dict()",
        ),
        (lambda s: {"state_dict": s}, "'state_dict' holds dict"),
        (
            lambda s: {**s, "head.1.linear.weight": torch.zeros(4, 5)},
            "head.1.linear.weight is [5, 4] and head.1.linear.weight is [4, 5]",
        ),  # as many, but turned
        (lambda s: {**s, "stem.0.conv.weight": torch.zeros(4, 27)}, "stem.0.conv.weight is [4, 3, 3, 3] and stem.0.conv.weight is [4, 27]"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_copied(net: nn.Module, change: Any, said: str) -> None:
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_weights(net, change(other()))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_other_types_and_devices_are_converted(net: nn.Module) -> None:
    state = other()
    load_weights(net, {k: v.double() if v.is_floating_point() else v for k, v in state.items()})
    assert copied(net, state)
    assert net.get_submodule("stem.0.conv").weight.dtype is torch.float32


def test_weights_stay_trainable(net: nn.Module) -> None:
    load_weights(net, other())
    net(torch.randn(4, 3, 8, 8)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
