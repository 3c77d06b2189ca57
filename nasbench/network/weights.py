"""Weights of other libraries in our networks."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from nasbench.errors import WeightsError, first_line
from nasbench.network.auxiliary import auxiliary_head
from nasbench.network.references import COUNTER, names_in_order

State = dict[str, Tensor]

_WRAPPERS = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put before every name
_PARTS = ("weight", "bias", "running_mean", "running_var")  # the last words of names in torch's own layers


@torch.no_grad()
def load_weights(net: nn.Module, state_dict: Mapping[str, Tensor], like: str | None = None) -> None:
    """Copy a state dict into `net`: by name where the names are those of `net`, else in the order of the layers.

    torchvision, timm and pytorchcv define their layers in the order in which they run, with few exceptions, which are recognised
    by their names. Each tensor must have the shape and the role (weight, bias, running mean) of its counterpart, and the tensors of
    a layer stay together. A 1x1 convolution and a linear layer hold the same numbers; either may replace the other,
    and so may a convolution over the whole map. The counters of batches in batch norms are ignored.

    Auxiliary heads are recognised by their names (`aux1.`, `AuxLogits.`). If the weights have none, those of `net` stay as they
    are; if `net` has none, theirs are ignored. `module.` before every name is removed. Nothing is copied unless everything fits.

    Args:
        like: the known network that `net` is. Weights whose order was lost, as in safetensors files, are then put into
            that of the reference with the same names; its library must be installed.

    Raises:
        WeightsError: a tensor does not fit (the message names the first, with both shapes), or the numbers of tensors differ.

    >>> import nasbench as nb, torchvision
    >>> theirs = torchvision.models.resnet18(weights=None).eval()
    >>> net = nb.build(nb.known("resnet18")).eval()
    >>> load_weights(net, theirs.state_dict())
    >>> image = torch.randn(1, 3, 224, 224)
    >>> torch.allclose(net(image), theirs(image), atol=1e-5)
    True
    """
    own, theirs = _tensors(net.state_dict()), _tensors(_unwrapped(state_dict))
    body, heads = _apart(own)
    named = body.keys() == _apart(theirs)[0].keys()
    if not named and like is not None and _lost_order(theirs):
        theirs = {name: theirs[name] for name in names_in_order(like, theirs.keys())}
    other_body, other_heads = _apart(theirs if named else _as_run(theirs))
    parts = [(body, other_body)]
    if named:
        parts += [(head, other_heads[name]) for name, head in heads.items() if name in other_heads]
    elif heads and other_heads:
        if len(heads) != len(other_heads):
            raise WeightsError(
                f"the network has {len(heads)} auxiliary heads and the weights have {len(other_heads)} ({', '.join(other_heads)}); "
                "load the weights of the same network, or weights without them"
            )
        parts += zip(heads.values(), other_heads.values(), strict=True)
    pairs = [_pairs(mine, other, named) for mine, other in parts]
    for mine, other in [pair for some in pairs for pair in some]:
        own[mine].copy_(theirs[other].reshape(own[mine].shape))


def _unwrapped(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    while state and (wrapper := next((w for w in _WRAPPERS if all(str(name).startswith(w) for name in state)), None)):
        state = {str(name).removeprefix(wrapper): value for name, value in state.items()}
    return state


def _apart(state: State) -> tuple[State, dict[str, State]]:
    """The network's own tensors, and those of each auxiliary head."""
    body: State = {}
    heads: dict[str, State] = {}
    for name, value in state.items():
        head = auxiliary_head(name)
        (body if head is None else heads.setdefault(head, {}))[name] = value
    return body, heads


# pytorchcv defines the other half of ShuffleNet v2's first units last; it runs, and stands in ours, first.
_FIRST = re.compile(r"(.+\.unit\d+\.)(?:dw_conv4|dw_bn4|expand_conv5|expand_bn5|shortcut_dconv|shortcut_conv)\.")


def _as_run(state: State) -> State:
    """The tensors in the order in which their layers run, as far as that of their definition differs."""
    early: dict[str, list[str]] = {}
    for name in state:
        if match := _FIRST.match(name):
            early.setdefault(match[1], []).append(name)
    if not early:
        return state
    ordered: dict[str, None] = {}
    for name in state:
        unit = next((unit for unit in early if name.startswith(unit)), "")
        ordered |= dict.fromkeys(early.pop(unit, []))
        ordered[name] = None
    return {name: state[name] for name in ordered}


def _pairs(ours: State, theirs: State, named: bool) -> list[tuple[str, str]]:
    """Each tensor with its counterpart, the one of its name or in its place."""
    pairs = [(k, k) for k in ours] if named else list(zip(ours, theirs, strict=False))
    layers: dict[str, str] = {}
    for mine, other in pairs:
        if not _fits(ours[mine], theirs[other]):
            raise WeightsError(
                f"each tensor must have the shape of its counterpart; {mine} is {list(ours[mine].shape)} and {other} is "
                f"{list(theirs[other].shape)}; {_advice(ours, theirs, mine, other, named)}"
            )
        (layer, _, part), (other_layer, _, role) = mine.rpartition("."), other.rpartition(".")
        if (role in _PARTS and role != part) or layers.setdefault(layer, other_layer) != other_layer:
            raise WeightsError(
                f"each tensor must be what its counterpart is; {mine} meets {other}, though their shapes agree; "
                f"{_advice(ours, theirs, mine, other, named)}"
            )
    if len(ours) != len(theirs):
        longer = list(ours if len(ours) > len(theirs) else theirs)
        raise WeightsError(
            f"the network has {len(ours)} tensors and the weights have {len(theirs)}; the first without a counterpart is "
            f"{longer[len(pairs)]}; load the weights of the same network"
        )
    return pairs


def _advice(ours: State, theirs: State, mine: str, other: str, named: bool) -> str:
    if not named and _lost_order(theirs):
        return (
            "other libraries' names load in the order of their layers, which safetensors files lose; name the known network that "
            "they are of, or save them with torch.save"
        )
    a, b = ours[mine], theirs[other]
    last = mine.rpartition(".")[0] == list(ours)[-1].rpartition(".")[0]
    if last and len(ours) == len(theirs) and b.dim() and a.numel() * b.shape[0] == b.numel() * a.shape[0]:
        return f"they have {b.shape[0]} classes and the network has {a.shape[0]}; give it as many with --classes {b.shape[0]}"
    return "load the weights of the same network"


def _lost_order(state: State) -> bool:
    """In the order of definition a weight comes before its bias, so names are never sorted."""
    return len(state) > 2 and list(state) == sorted(state)


def read_weights(path: Path) -> State:
    """The state dict in a file that `torch.save` or safetensors wrote, also where it is stored under `state_dict_ema` (averaged
    weights, which are better), `state_dict` or `model`.

    No code of the file is run.

    Raises:
        WeightsError: the file does not exist, or does not hold a state dict.
    """
    rule = "weights are a state dict in a .pth, .pt or .safetensors file"
    if not path.is_file():
        raise WeightsError(f"{rule}; {path} is {'a folder' if path.is_dir() else 'not there'}; give the path of a file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, ValueError, EOFError, OSError) as error:
        why = first_line(error).rstrip(".:")
        raise WeightsError(
            f"{rule}; {path} cannot be read as one ({why}); save the weights again with torch.save(net.state_dict())"
        ) from None
    for name in ("state_dict_ema", "state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
    if not isinstance(state, Mapping) or not state:
        raise WeightsError(
            f"{rule}; {path} holds {'nothing' if isinstance(state, Mapping) else type(state).__name__}; save net.state_dict()"
        )
    return {str(name): value for name, value in state.items()}


def _tensors(state: Mapping[str, Tensor]) -> State:
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise WeightsError(f"weights are a mapping of names to tensors; {name!r} holds {type(value).__name__}; pass net.state_dict()")
    return {name: value for name, value in state.items() if not name.endswith(COUNTER)}


def _fits(a: Tensor, b: Tensor) -> bool:
    if a.shape == b.shape:
        return True
    if {len(a.shape), len(b.shape)} != {2, 4} or a.shape[0] != b.shape[0] or a.numel() != b.numel():
        return False
    return a.shape[1] == b.shape[1] or len(a.shape) == 2
