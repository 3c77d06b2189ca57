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

from nasbench.errors import WeightsError

# The beginning of a name that stands for an auxiliary head, in the libraries and in ours: aux1, AuxLogits, aux_head, auxiliary.
_AUXILIARY = re.compile(r"(?:.+?\.)??aux(?:iliary)?(?:_?(?:logits|head|classifier|fc))?_?\d*(?=\.)", re.IGNORECASE)

State = dict[str, Tensor]


@torch.no_grad()
def load_weights(net: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Copy a state dict into `net`: by name where the names are ours, else in order, each shape checked.

    A 1x1 convolution and a linear layer hold the same numbers; either may stand for the other. Counters of batches
    that batch norms keep are left alone. Auxiliary heads are told by their names (`aux1.`, `AuxLogits.`) wherever they
    stand: where the weights have none those of `net` stay as they are, and where `net` has none theirs are ignored.
    Nothing is copied unless everything fits.

    Raises:
        WeightsError: names the first tensor that differs, with both shapes, or the counts.
    """
    body, heads = _apart(_tensors(net.state_dict()))
    other_body, other_heads = _apart(_tensors(state_dict))
    named = body.keys() == other_body.keys()
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
    for mine, other in parts:
        _check(mine, other, named)
    for mine, other in parts:
        for name, value in zip(mine, [other[name] for name in mine] if named else other.values(), strict=True):
            mine[name].copy_(value.reshape(mine[name].shape))


def _apart(state: State) -> tuple[State, dict[str, State]]:
    """The network's own tensors, and those of each auxiliary head by the beginning of their names."""
    body: State = {}
    heads: dict[str, State] = {}
    for name, value in state.items():
        match = _AUXILIARY.match(name)
        (body if match is None else heads.setdefault(match[0], {}))[name] = value
    return body, heads


def _check(ours: State, theirs: State, named: bool) -> None:
    """Each tensor has a counterpart of its shape, of its name or in its place."""
    pairs = [(k, k) for k in ours] if named else list(zip(ours, theirs, strict=False))
    for mine, other in pairs:
        if not _fits(ours[mine], theirs[other]):
            raise WeightsError(
                f"each tensor must have the shape of its counterpart; {mine} is {list(ours[mine].shape)} and {other} is "
                f"{list(theirs[other].shape)}; {_advice(theirs, named)}"
            )
    if len(ours) != len(theirs):
        longer = list(ours if len(ours) > len(theirs) else theirs)
        raise WeightsError(
            f"the network has {len(ours)} tensors and the weights have {len(theirs)}; the first without a counterpart is "
            f"{longer[len(pairs)]}; load the weights of the same network"
        )


def _advice(theirs: Mapping[str, Tensor], named: bool) -> str:
    if not named and len(theirs) > 2 and list(theirs) == sorted(theirs):
        return "other libraries' names load in the order of their layers, which safetensors files lose; save them with torch.save"
    return "load the weights of the same network"


def read_weights(path: Path) -> State:
    """The state dict of a file that `torch.save` or safetensors wrote; what lies in it under `state_dict` or `model` is found too.

    No code of the file is run.

    Raises:
        WeightsError: there is no such file, or it holds something else.
    """
    rule = "weights are a state dict in a .pth, .pt or .safetensors file"
    if not path.is_file():
        raise WeightsError(f"{rule}; {path} is {'a folder' if path.is_dir() else 'not there'}; give the path of a file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, ValueError, EOFError, OSError) as error:
        why = str(error).splitlines()[0].rstrip(".:") if str(error) else type(error).__name__
        raise WeightsError(
            f"{rule}; {path} cannot be read as one ({why}); save the weights again with torch.save(net.state_dict())"
        ) from None
    for name in ("state_dict", "model"):
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
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


def _fits(a: Tensor, b: Tensor) -> bool:
    if a.shape == b.shape:
        return True
    matrix = {len(a.shape), len(b.shape)} == {2, 4}
    return matrix and a.shape[:2] == b.shape[:2] and a.numel() == b.numel()
