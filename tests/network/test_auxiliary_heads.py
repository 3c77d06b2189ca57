"""Auxiliary heads in torch: what training sees is torchvision's, and inference sees nothing of them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
import torchvision
from references import images, scramble, skipping_initialisation
from torch import Tensor, nn
from torchvision.models import GoogLeNetOutputs

from nasbench.errors import WeightsError
from nasbench.genotype import Genotype, adapt, inference, trace
from nasbench.genotype.blocks import auxiliary, conv, dropout, gap, linear
from nasbench.network import build, build_trace, load_weights, loss_weights
from nasbench.zoo import known

pytestmark = pytest.mark.filterwarnings("ignore")

HEAD = auxiliary((gap(2), conv(6), linear(5)), weight=0.25)
G = Genotype("n", (3, 8, 8), (conv(4, 3), HEAD, conv(4, 3), HEAD), head=(gap(), linear(5)))


def quiet(net: nn.Module) -> nn.Module:
    for m in net.modules():
        if isinstance(m, nn.Dropout):
            m.p = 0.0
    return net


def googlenet(**more: object) -> nn.Module:
    return torchvision.models.googlenet(weights=None, aux_logits=True, init_weights=False, **more)


def inception_v3(**more: object) -> nn.Module:
    return torchvision.models.inception_v3(weights=None, aux_logits=True, init_weights=False, **more)


def reference(make: Callable[[], nn.Module]) -> nn.Module:
    with skipping_initialisation():
        net = make()
    scramble(net)
    return quiet(net).double().train()


def all_of(said: object) -> list[Tensor]:
    """Logits, then those of the heads in the order in which they run."""
    if isinstance(said, GoogLeNetOutputs):
        return [said.logits, said.aux_logits1, said.aux_logits2]
    if type(said) is tuple:
        return list(said)
    return [said.logits, said.aux_logits]  # type: ignore[attr-defined]


def loaded(g: Genotype, theirs: nn.Module) -> nn.Module:
    ours = quiet(build(g)).double().train()
    load_weights(ours, theirs.state_dict())
    return ours


@pytest.mark.parametrize(("make", "size"), [(googlenet, 64), pytest.param(inception_v3, 299, marks=pytest.mark.slow)])
def test_training_is_torchvisions(make: Callable[[], nn.Module], size: int) -> None:
    """All logits and the gradient of every weight of the weighted loss, in double precision, with batch statistics."""
    g = adapt(known(make.__name__), (3, size, size))
    theirs = reference(make)
    ours = loaded(g, theirs)
    image, labels = images(g, 2).double(), torch.tensor([3, 5])
    found, expected = all_of(ours(image)), all_of(theirs(image))
    assert len(found) == len(expected) == (3 if make is googlenet else 2)
    for a, b in zip(found, expected, strict=True):
        assert (b[0] - b[1]).abs().max() > 0.01 * b.abs().max()
        assert (a - b).abs().max() <= 1e-9 * b.abs().max()
    weights = (1, 0.3, 0.3) if make is googlenet else (1, 0.4)
    for logits in (found, expected):
        torch.stack([w * nn.functional.cross_entropy(said, labels) for said, w in zip(logits, weights, strict=True)]).sum().backward()
    gradients = build(g, "meta").to_empty(device="cpu")
    kept = {k: v.grad for k, v in theirs.named_parameters()} | dict(theirs.named_buffers())
    load_weights(gradients, {k: kept[k] for k in theirs.state_dict()})
    largest = max(float(p.grad.abs().max()) for p in theirs.parameters())
    for (where, p), q in zip(ours.named_parameters(), gradients.parameters(), strict=True):
        assert p.grad is not None, where
        assert (p.grad - q).abs().max() <= 1e-6 * largest, where  # the gradients were kept as float32
    for (where, a), b in zip(ours.named_buffers(), gradients.buffers(), strict=True):
        assert "num_batches" in where or torch.allclose(a.float(), b, rtol=1e-6), where


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda rows: (gap(2), *rows[1:2], linear(1024, act="relu"), *rows[3:]), "another pooling"),
        (lambda rows: (*rows[:2], linear(1024, act="leaky_relu"), *rows[3:]), "another activation"),
        (lambda rows: (rows[0], conv(128, act="none"), *rows[2:]), "no activation after the 1x1"),
    ],
)
def test_a_head_that_is_wrong_in_one_place_does_not_pass(change: Callable[[tuple], tuple], seen: str) -> None:
    g = adapt(known("googlenet"), (3, 64, 64))
    rows = [row.but(rows=change(row.fields["rows"])) if row.op == "auxiliary" else row for row in g.stages[1]]
    wrong = Genotype(g.name, g.input, g.stem, (g.stages[0], tuple(rows), g.stages[2]), g.head, g.style)
    theirs, image = reference(googlenet), images(g, 2).double()
    expected = all_of(theirs(image))
    try:
        found = all_of(loaded(wrong, theirs)(image))
    except WeightsError:
        assert "pooling" in seen
        return
    assert (found[0] - expected[0]).abs().max() <= 1e-9 * expected[0].abs().max()  # the network itself is right
    assert min(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found[1:], expected[1:], strict=True)) > 1e-4, seen


@pytest.mark.parametrize(("name", "size"), [("googlenet", 64), ("googlenet_original", 224), ("inception_v3", 299)])
def test_inference_has_no_heads(name: str, size: int) -> None:
    g = adapt(known(name), (3, size, size))
    net = build(g).eval()
    scramble(net)
    bare = build_trace(inference(trace(g))).to_empty(device="cpu").eval()
    load_weights(bare, net.state_dict())  # theirs are ignored
    image = images(g)
    with torch.no_grad():
        said = net(image)
        assert isinstance(said, Tensor)
        assert torch.equal(said, bare(image))
        assert (said[0] - said[1]).abs().max() > 0.01 * said.abs().max()


@pytest.mark.parametrize("name", ["googlenet", "googlenet_original", "inception_v3"])
def test_a_training_step_reaches_every_parameter_of_the_heads(name: str) -> None:
    torch.manual_seed(0)
    g = adapt(known(name), classes=10)
    net = build(g)
    said = net(images(g, 2))
    losses = [nn.functional.cross_entropy(logits, torch.tensor([1, 2])) for logits in all_of(said)]
    torch.stack([w * one for one, w in zip(losses, loss_weights(net), strict=True)]).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    aside = [p.grad for where, p in net.named_parameters() if ".auxiliary." in where]
    assert len(aside) >= 5
    assert sum(bool(grad.any()) for grad in aside) > 0.9 * len(aside)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("g", [G, adapt(known("googlenet"), (3, 64, 64), 10)], ids=lambda g: g.name)
def test_it_compiles_without_a_break(g: Genotype, training: bool) -> None:
    torch._dynamo.reset()
    net = quiet(build(g)).train(training)
    image = images(g, 4)
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    with torch.no_grad():
        found, expected = compiled(image), net(image)
    assert type(found) is type(expected)
    if training:
        found, expected = torch.stack(all_of(found)), torch.stack(all_of(expected))
    assert torch.allclose(found, expected, rtol=1e-5)


def test_it_exports_in_inference_mode() -> None:
    net = build(G).eval()
    exported = torch.export.export(net, (images(G),))
    with torch.no_grad():
        assert torch.equal(exported.module()(images(G)), net(images(G)))
    assert sum("conv" in str(node.target) for node in exported.graph.nodes if node.op == "call_function") == 2


def test_it_is_copied_and_pickled() -> None:
    net = build(G)
    image = images(G)
    expected = all_of(net(image))
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert all(torch.equal(a, b) for a, b in zip(all_of(other(image)), expected, strict=True))
        assert isinstance(other.eval()(image), Tensor)


def test_in_inference_mode_the_heads_compute_nothing() -> None:
    net, calls = build(G).eval(), []
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            m.register_forward_hook(lambda *_: calls.append(1))
    net(images(G))
    assert len(calls) == 2
    net.train()(images(G))
    assert len(calls) == 2 + 4


def foreign(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As torchvision keeps them: the heads together, elsewhere."""
    names = {"stem.1.auxiliary": "aux1", "stem.3.auxiliary": "aux2"}
    found = {k.replace("stem", "features").replace("head", "classifier"): v for k, v in state.items() if "auxiliary" not in k}
    heads = {f"{new}.{k}": v for old, new in names.items() for k, v in state.items() if k.startswith(old)}
    return {**heads, **found}


def other(seed: int = 7) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return {k: torch.randn_like(v) if v.is_floating_point() else v for k, v in build(G).state_dict().items()}


def equal(state: dict[str, Tensor], wanted: dict[str, Tensor], part: Callable[[str], bool]) -> bool:
    return all(torch.equal(state[k], v) for k, v in wanted.items() if part(k))


@pytest.mark.parametrize("spelled", [dict, foreign])
def test_weights_of_heads_are_found_wherever_they_stand(spelled: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    net, state = build(G), other()
    load_weights(net, spelled(state), like="order")
    assert equal(net.state_dict(), state, lambda k: True)


@pytest.mark.parametrize("spelled", [dict, foreign])
def test_without_weights_for_them_heads_stay_as_they_were(spelled: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    net, state = build(G), other()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    load_weights(net, {k: v for k, v in spelled(state).items() if "aux" not in k}, like="order")
    assert equal(net.state_dict(), state, lambda k: "auxiliary" not in k)
    assert equal(net.state_dict(), before, lambda k: "auxiliary" in k)


@pytest.mark.parametrize("name", ["aux1", "AuxLogits", "aux_head", "backbone.aux2", "auxiliary", "aux_classifier"])
def test_heads_that_the_network_has_not_are_ignored_by_their_name(name: str) -> None:
    bare = Genotype("n", (3, 8, 8), (conv(4, 3),), head=(gap(), linear(5)))
    net, state = build(bare), build(bare).state_dict()
    load_weights(net, {f"{name}.fc.weight": torch.zeros(3), **state})
    assert equal(net.state_dict(), state, lambda k: True)


@pytest.mark.parametrize("name", ["extra", "auxx1", "taux", "auto", "auxiliaries1"])
def test_other_tensors_too_many_are_not(name: str) -> None:
    bare = Genotype("n", (3, 8, 8), (conv(4, 3),), head=(gap(), linear(5)))
    with pytest.raises(WeightsError):
        load_weights(build(bare), {f"{name}.fc.weight": torch.zeros(3), **build(bare).state_dict()})


def test_heads_that_differ_are_refused() -> None:
    state = foreign(other())
    with pytest.raises(WeightsError, match=r"the network has 2 auxiliary heads and the weights have 1 \(aux1\); load"):
        load_weights(build(G), {k: v for k, v in state.items() if not k.startswith("aux2")}, like="order")
    name = next(k for k in state if k.startswith("aux2") and k.endswith("conv.weight"))
    with pytest.raises(WeightsError, match=r"stem\.3\.auxiliary\.rows\.1\.conv\.weight is \[6, 4, 1, 1\] and aux2\..* is \[7, 4, 1, 1\]"):
        load_weights(build(G), {**state, name: torch.zeros(7, 4, 1, 1)}, like="order")


def test_dropout_in_a_head_acts_in_training_only() -> None:
    side = auxiliary((dropout(0.5), linear(5)))
    g = Genotype("n", (3, 8, 8), (conv(4, 3), side), head=(gap(), linear(5)))
    net, image = build(g), images(g)
    one, two = net(image), net(image)
    assert torch.equal(one[0], two[0])
    assert not torch.equal(one[1], two[1])
