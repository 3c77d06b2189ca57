"""Pairs of our tensors and those of a state dict that names, an order or shapes tell, without the network that they are of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, fx, nn

from nasbench.errors import WeightsError
from nasbench.network.auxiliary import auxiliary_head

State = dict[str, Tensor]

_PARTS = ("weight", "bias", "running_mean", "running_var")  # the last words of names in torch's own layers
_NUMBERED = re.compile(r"(\d+\.)+\w+")  # the names of nn.Sequential, which runs in the order of its numbers
_ADVICE = (
    'say which network they are of: like=net or like="timm.create_model(\'resnet18\')" (on the command line --like), or like="order" if '
    "the tensors are in the order in which their layers run"
)


def by_name(own: State, theirs: State) -> dict[str, str] | None:
    """The pairs of equal names, where their names are ours, perhaps after a prefix; None where they are not."""
    body = [name for name in own if auxiliary_head(name) is None]
    names = {name for name in theirs if auxiliary_head(name) is None}
    prefixes = [name.removesuffix(body[0]) for name in names if name.endswith(body[0])] if len(names) == len(body) and body else []
    prefix = next((p for p in prefixes if all(p + name in names for name in body)), None)
    if prefix is None:
        return None
    pairs = {name: prefix + name for name in own if prefix + name in theirs}
    for mine in own:
        head = auxiliary_head(mine)
        if mine not in pairs and head is not None and any(auxiliary_head(other) == head for other in pairs):
            raise WeightsError(f"each tensor must have a counterpart; {mine} has none in the weights; load the weights of the same network")
    for mine, other in pairs.items():
        if not fits(own[mine], theirs[other]):
            last = mine.rpartition(".")[0] == body[-1].rpartition(".")[0]
            raise WeightsError(unfit(mine, own[mine], other, theirs[other], last))
    return pairs


def in_order(net: nn.Module, own: State, theirs: State) -> dict[str, str]:
    """The pairs of the two orders, and those of the auxiliary heads."""
    (body, heads), (other_body, other_heads) = _apart(as_run(net, own)), _apart(theirs)
    parts = [(body, other_body)]
    if heads and other_heads:
        if len(heads) != len(other_heads):
            raise WeightsError(
                f"the network has {len(heads)} auxiliary heads and the weights have {len(other_heads)} ({', '.join(other_heads)}); "
                "load the weights of the same network, or weights without them"
            )
        parts += zip(heads.values(), other_heads.values(), strict=True)
    return {mine: other for ours, theirs in parts for mine, other in _zipped(ours, theirs)}


def _apart(state: State) -> tuple[State, dict[str, State]]:
    """The network's own tensors, and those of each auxiliary head."""
    body: State = {}
    heads: dict[str, State] = {}
    for name, value in state.items():
        head = auxiliary_head(name)
        (body if head is None else heads.setdefault(head, {}))[name] = value
    return body, heads


def as_run(net: nn.Module, own: State) -> State:
    """Our tensors in the order in which their layers run. A state dict has them in the order of the tree of modules."""
    if not isinstance(net, fx.GraphModule):
        return own
    place = {str(node.target): i for i, node in enumerate(net.graph.nodes) if node.op == "call_module"}
    ranks = {name: max((place[p] for p in _prefixes(name) if p in place), default=len(place)) for name in own}
    return {name: own[name] for name in sorted(own, key=ranks.__getitem__)}


def is_chain(net: nn.Module) -> bool:
    """Whether each layer reads only the one before."""
    return isinstance(net, fx.GraphModule) and all(len(node.all_input_nodes) < 2 and len(node.users) < 2 for node in net.graph.nodes)


def _prefixes(name: str) -> Iterable[str]:
    parts = name.split(".")
    return (".".join(parts[:i]) for i in range(1, len(parts)))


def _zipped(ours: State, theirs: State) -> list[tuple[str, str]]:
    """Each tensor with the one in its place."""
    pairs = list(zip(ours, theirs, strict=False))
    layers: dict[str, str] = {}
    for mine, other in pairs:
        if not fits(ours[mine], theirs[other]):
            last = mine.rpartition(".")[0] == list(ours)[-1].rpartition(".")[0] and len(ours) == len(theirs)
            raise WeightsError(unfit(mine, ours[mine], other, theirs[other], last))
        (layer, _, part), (other_layer, _, role) = mine.rpartition("."), other.rpartition(".")
        if (role in _PARTS and role != part) or layers.setdefault(layer, other_layer) != other_layer:
            raise WeightsError(
                f"each tensor must be what its counterpart is; {mine} meets {other}, though their shapes agree; load the weights of the "
                "same network"
            )
    if len(ours) != len(theirs):
        raise WeightsError(_numbers_differ(ours, theirs, list(ours if len(ours) > len(theirs) else theirs)[len(pairs)]))
    return pairs


def by_shape(ours: State, theirs: State, chain: bool) -> dict[str, str]:
    """The pairs that the shapes allow, where they allow only one; those of an `nn.Sequential` by its numbers, if ours is a `chain`."""
    if theirs and chain and all(_NUMBERED.fullmatch(name) for name in theirs):
        numbers = {name: ([int(part) for part in name.split(".")[:-1]], _rank(name)) for name in theirs}
        return dict(_zipped(ours, {name: theirs[name] for name in sorted(theirs, key=numbers.__getitem__)}))
    if len(ours) != len(theirs):
        longer, shorter = (ours, theirs) if len(ours) > len(theirs) else (theirs, ours)
        raise WeightsError(_numbers_differ(ours, theirs, next((k for k in longer if k not in shorter), list(longer)[len(shorter)])))
    pairs: dict[str, str] = {}
    mine, others = _layers(ours), _layers(theirs)
    for form in (_exact, _flat):
        a, b = _by_form(mine, ours, form), _by_form(others, theirs, form)
        for signature in a.keys() & b.keys():
            if len(a[signature]) == len(b[signature]) == 1:
                first, other = a[signature][0], b[signature][0]
                pairs |= {first[role]: other[role] for role in first}
        mine = [names for names in mine if next(iter(names.values())) not in pairs]
        taken = set(pairs.values())
        others = [names for names in others if next(iter(names.values())) not in taken]
    if mine:
        a, b = _by_form(mine, ours, _exact), _by_form(others, theirs, _exact)
        for signature, layers in a.items():
            options, name = b.get(signature, []), next(iter(layers[0].values()))
            if len(options) != len(layers):
                raise WeightsError(
                    f"each tensor must have the shape of its counterpart; {name} is {list(ours[name].shape)}, and the weights hold "
                    f"{len(options)} layers with the shapes of that layer, where the network has {len(layers)}; {_ADVICE}"
                )
        role = next(iter(mine[0]))
        one, another, *_ = b[next(signature for signature, layers in a.items() if mine[0] in layers)]
        raise WeightsError(
            f"each tensor must have one counterpart; by its shape {list(ours[mine[0][role]].shape)}, {mine[0][role]} may be {one[role]} or "
            f"{another[role]}, and names and order do not tell how a network runs; {_ADVICE}"
        )
    for name, counterpart in pairs.items():
        if not fits(ours[name], theirs[counterpart]):
            raise WeightsError(unfit(name, ours[name], counterpart, theirs[counterpart], False))
    return pairs


def _rank(name: str) -> int:
    """The place of a tensor in its layer, as torch's layers define them."""
    role = name.rpartition(".")[2]
    return _PARTS.index(role) if role in _PARTS else len(_PARTS)


def _layers(state: State) -> list[dict[str, str]]:
    """The layers in order, each as the names of its tensors by role."""
    layers: dict[str, dict[str, str]] = {}
    for name in state:
        layer, _, role = name.rpartition(".")
        layers.setdefault(layer, {})[role if role in _PARTS else f".{role}"] = name
    return [{role: names[role] for role in sorted(names, key=lambda r: _rank(f".{r}"))} for names in layers.values()]


Form = Callable[[Tensor], tuple[int, ...]]


def _by_form(layers: list[dict[str, str]], state: State, form: Form) -> dict[tuple[Any, ...], list[dict[str, str]]]:
    """The layers by their roles and the forms of their tensors."""
    held: dict[tuple[Any, ...], list[dict[str, str]]] = {}
    for names in layers:
        held.setdefault(tuple((role, form(state[name])) for role, name in sorted(names.items())), []).append(names)
    return held


def _exact(value: Tensor) -> tuple[int, ...]:
    """The shape of a tensor; a 1x1 convolution has that of a linear layer."""
    return tuple(value.shape[:2]) if value.dim() == 4 and value.shape[2:].numel() == 1 else tuple(value.shape)


def _flat(value: Tensor) -> tuple[int, ...]:
    """A row of numbers for each output, as in a linear layer, for which a convolution over the whole map may stand."""
    return (len(value), value[0].numel()) if value.dim() > 1 else tuple(value.shape)


def unfit(mine: str, a: Tensor, other: str, b: Tensor, last: bool = True) -> str:
    """Why two tensors are no counterparts; `last` says that they may be those of the classes."""
    advice = "load the weights of the same network"
    if last and b.dim() and a.numel() * b.shape[0] == b.numel() * a.shape[0]:
        advice = f"they have {b.shape[0]} classes and the network has {a.shape[0]}; give it as many with --classes {b.shape[0]}"
    return f"each tensor must have the shape of its counterpart; {mine} is {list(a.shape)} and {other} is {list(b.shape)}; {advice}"


def _numbers_differ(ours: State, theirs: State, first: str) -> str:
    return (
        f"the network has {len(ours)} tensors and the weights have {len(theirs)}; the first without a counterpart is {first}; "
        "load the weights of the same network"
    )


def fits(a: Tensor, b: Tensor) -> bool:
    """Whether tensor a of ours can hold the numbers of b; a linear layer and the convolutions that may stand for it hold the same."""
    if a.shape == b.shape:
        return True
    if {len(a.shape), len(b.shape)} != {2, 4} or a.shape[0] != b.shape[0] or a.numel() != b.numel():
        return False
    return a.shape[1] == b.shape[1] or len(a.shape) == 2
