"""Weights of other libraries in our networks: which of their tensors is which of ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, fx, nn

from nasbench.errors import WeightsError, WeightsWarning
from nasbench.network.agreement import outputs_agree
from nasbench.network.auxiliary import auxiliary_head
from nasbench.network.behaviour import unseen_behaviour
from nasbench.network.matching import Match, MismatchError, match
from nasbench.network.numbers import unusual_numbers
from nasbench.network.pairing import State, as_run, by_name, by_shape, fits, in_order, is_chain, unfit
from nasbench.network.references import COUNTER, has_known_names, reference_modules
from nasbench.network.wiring import Wiring, record

Like = str | nn.Module | Callable[[], nn.Module] | None

ORDER = "order"  # as `like`: the tensors are in the order of the run
_WRAPPERS = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put before every name


@torch.no_grad()
def load_weights(net: nn.Module, state_dict: Mapping[str, Tensor], like: Like = None) -> None:
    """Copy a state dict into `net`, each tensor to the one that has its part in the network.

    Tensors are paired by name where the names are those of `net`, perhaps with a prefix such as `module.` before all. Otherwise both
    networks are run on an image without numbers, and paired by what each operator reads and what reads it; the order in which modules
    are defined does not matter. The other network is `like`. Without it, the names tell it where they are those of a network of
    torchvision, timm or pytorchcv that is one of the known networks; the names of an `nn.Sequential` tell the order of its run. Otherwise
    shapes alone must tell each layer; nothing is guessed.

    A 1x1 convolution and a linear layer hold the same numbers; either may replace the other, and so may a convolution over the
    whole map. The counters of batches in batch norms are ignored. Auxiliary heads are recognised by their names (`aux1.`, `AuxLogits.`).
    If the weights have none, those of `net` stay as they are; if `net` has none, theirs are ignored. Nothing is copied unless
    everything fits. A `WeightsWarning` says what is unusual about the numbers, and what the other network does that no tensor holds.

    Args:
        net: a network that `nasbench.build` made.
        like: the network that the weights are of: a module, a function without arguments that makes one, a constructor such as
            `"timm.create_model('resnet18')"`, or the name of a known network. `"order"` says instead that the tensors are in the
            order in which their layers run, for which you vouch.

    Raises:
        WeightsError: a tensor does not fit, or may belong to several layers (the message names the first), or `like` is no network.

    >>> import nasbench as nb, torchvision
    >>> theirs = torchvision.models.resnet18(weights=None).eval()
    >>> net = nb.build(nb.known("resnet18")).eval()
    >>> load_weights(net, theirs.state_dict())
    >>> image = torch.randn(1, 3, 224, 224)
    >>> torch.allclose(net(image), theirs(image), atol=1e-5)
    True
    >>> plain = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 4, 3, bias=False))
    >>> g = nb.Genotype.from_yaml('''
    ... input: [1, 8, 8]
    ... stem:
    ... - {op: conv, width: 4, kernel: 3, padding: valid, norm: false}
    ... - {op: conv, width: 4, kernel: 3, padding: valid, norm: false, bias: false, act: none}
    ... ''')
    >>> load_weights(nb.build(g), plain.state_dict(), like=plain)
    """
    own, theirs = _tensors(net.state_dict()), _tensors(_unwrapped(state_dict))
    pairs, notes = _pairs(net, own, theirs, like)
    for note in (*notes, *unusual_numbers({other: theirs[other] for other in pairs.values()})):
        warnings.warn(note, WeightsWarning, stacklevel=2)
    for mine, other in pairs.items():
        own[mine].copy_(theirs[other].reshape(own[mine].shape))


def _pairs(net: nn.Module, own: State, theirs: State, like: Like) -> tuple[dict[str, str], list[str]]:
    """The counterpart of each tensor that is loaded, and what the user has to know."""
    if (pairs := by_name(own, theirs)) is not None:
        return pairs, []
    if like == ORDER:
        return in_order(net, own, theirs), []
    heads = {name for name in own if auxiliary_head(name) is not None}
    prefix, modules = _references(like, theirs)
    bare = {name.removeprefix(prefix): value for name, value in theirs.items()}
    both = bool(heads) and len(theirs) > len(own) - len(heads)
    failure: MismatchError | None = None
    for module, said in modules:
        shape = _input_of(net)
        ours, other = record(net, shape, own, both), record(module, shape, bare, both)
        try:
            paired = match(ours, other)
        except MismatchError as error:
            failure = failure or _told(error, ours, own, bare)
            continue
        _complete(own, bare, paired, heads if not both else set())
        if paired.chosen is not None and not outputs_agree(net, module, paired.tensors, shape):
            name, one, another = paired.chosen
            raise WeightsError(
                f"each tensor must have one counterpart; {name} may be {one} or {another}, which stand alike in the network; name the "
                "tensors as nasbench does, net.state_dict() lists them"
            )
        pairs = {mine: prefix + other for mine, other in paired.tensors.items() if mine in own}
        return pairs, [*said, *unseen_behaviour(module, paired)]
    if failure is not None:
        raise failure
    body = {name: value for name, value in own.items() if name not in heads}
    return by_shape(as_run(net, body), {k: v for k, v in theirs.items() if auxiliary_head(k) is None}, is_chain(net)), []


def _told(error: MismatchError, ours: Wiring, own: State, theirs: State) -> MismatchError:
    """The error with both shapes as the state dicts have them, where it names two tensors."""
    if error.mine is None or error.other is None:
        return error
    last = ours.used[error.mine] == max(ours.used.values())
    return MismatchError(unfit(error.mine, own[error.mine], error.other, theirs[error.other], last))


def _references(like: Like, theirs: State) -> tuple[str, Iterable[tuple[nn.Module, list[str]]]]:
    """What stands before all names of the weights, such as `model.`, and the networks that they may be of.

    Raises:
        WeightsError: the network given as `like` has other tensors.
    """
    prefixes = [""]
    while theirs and (rest := next(iter(theirs)).removeprefix(prefixes[-1])).count(".") > 1:
        prefix = f"{prefixes[-1]}{rest.partition('.')[0]}."
        if not all(name.startswith(prefix) for name in theirs):
            break
        prefixes.append(prefix)
    bare = [{name.removeprefix(prefix): value for name, value in theirs.items()} for prefix in prefixes]
    if like is None or (isinstance(like, str) and "(" not in like):
        known = next((i for i, state in enumerate(bare) if has_known_names(state)), 0)
        return prefixes[known], reference_modules(like, bare[known])
    found = list(reference_modules(like, theirs))
    names = found[0][0].state_dict().keys()
    for prefix, state in zip(prefixes, bare, strict=True):
        if state.keys() <= names:
            return prefix, found
    lost = next((name for name in theirs if name not in names), "")
    raise WeightsError(
        f"the weights are those of the network given as like=; it has no tensor {lost}; give the network that they were saved from"
    )


def _complete(own: State, theirs: State, paired: Match, left: set[str]) -> None:
    """Check that every tensor has a counterpart that fits; those in `left` need none."""
    for mine, value in own.items():
        other = paired.tensors.get(mine)
        if other is None and mine not in left:
            raise WeightsError(f"each tensor must have a counterpart; {mine} is not used in a run of the network; load weights by name")
        if other is not None and not fits(value, theirs[other]):
            raise WeightsError(unfit(mine, value, other, theirs[other]))
    taken = set(paired.tensors.values())
    rest = next((name for name in theirs if name not in taken and auxiliary_head(name) is None), None)
    if rest is not None:
        raise WeightsError(f"each tensor of the weights must have a place; {rest} is not used in a run of its network; leave it out")


def _input_of(net: nn.Module) -> tuple[int, ...]:
    """The input shape of a network that `build` made.

    Raises:
        WeightsError: another network.
    """
    start = next(iter(net.graph.nodes)) if isinstance(net, fx.GraphModule) else None
    if start is None or "input" not in start.meta:
        raise WeightsError(
            f"weights under other names load into a network that nasbench.build made; got {type(net).__name__}; build it from a genotype"
        )
    shape: tuple[int, ...] = start.meta["input"]
    return shape


def _unwrapped(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    while state and (wrapper := next((w for w in _WRAPPERS if all(str(name).startswith(w) for name in state)), None)):
        state = {str(name).removeprefix(wrapper): value for name, value in state.items()}
    return state


def _tensors(state: Mapping[str, Tensor]) -> State:
    """The tensors of a state dict by name, without the counters of batch norms.

    Raises:
        WeightsError: a value is not a plain tensor of numbers.
    """
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise WeightsError(f"weights are a mapping of names to tensors; {name!r} holds {type(value).__name__}; pass net.state_dict()")
        if not str(name).endswith(COUNTER) and (value.layout is not torch.strided or value.is_quantized or not value.is_floating_point()):
            layout = "quantised" if value.is_quantized else str(value.layout).removeprefix("torch.")
            form = f"{layout} {str(value.dtype).removeprefix('torch.')}"
            raise WeightsError(
                f"weights are dense tensors of floating-point numbers; {name} is {form}; convert it with .float() or .to_dense()"
            )
    return {str(name): value for name, value in state.items() if not str(name).endswith(COUNTER)}
