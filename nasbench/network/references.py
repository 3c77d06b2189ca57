"""Networks of other libraries whose weights fit the known networks. The facts of the zoo name their constructors."""

from __future__ import annotations

import ast
from collections.abc import Collection
from importlib import import_module
from typing import Any

import torch
from torch import nn

from nasbench.errors import WeightsError
from nasbench.network.auxiliary import auxiliary_head
from nasbench.zoo import facts

LIBRARIES = ("torchvision", "timm", "pytorchcv")
COUNTER = "num_batches_tracked"  # of batch norms; nothing here needs it


def references(name: str) -> tuple[str, ...]:
    """Constructors whose weights fit the known network `name`: the same networks, then those that are near; empty for any other name."""
    fact = facts().get(name)
    return (*fact.references, *fact.near) if fact else ()


def make_reference(call: str, **changes: Any) -> nn.Module:
    """The network that a constructor such as `timm.create_model('vgg11', pretrained=False)` makes, on torch's default device.

    The text is read, not run: it may call a function of one of `LIBRARIES` with plain values, and nothing else.

    Args:
        changes: arguments in place of those in the text, or besides them.

    Raises:
        WeightsError: another text, or a library that is not installed.
    """
    rule = f"a reference is one call of a function of {', '.join(LIBRARIES)} with plain values"
    try:
        tree = ast.parse(call, mode="eval").body
        if not isinstance(tree, ast.Call) or any(argument.arg is None for argument in tree.keywords):
            raise ValueError
        path = ast.unparse(tree.func).split(".")
        if path[0] not in LIBRARIES or not all(part.isidentifier() and not part.startswith("_") for part in path):
            raise ValueError
        values = [ast.literal_eval(value) for value in tree.args]
        named = {str(argument.arg): ast.literal_eval(argument.value) for argument in tree.keywords}
    except (ValueError, SyntaxError):
        raise WeightsError(f"{rule}; got {call!r}; correct the facts") from None
    try:
        function = getattr(import_module(".".join(path[:-1])), path[-1])
    except ImportError:
        raise WeightsError(f"{call} needs {path[0]}, which is not installed here; pip install {path[0]}") from None
    network: nn.Module = function(*values, **named | changes)
    return network


def names_in_order(name: str, names: Collection[str]) -> list[str]:
    """Names of tensors in the order in which that reference of the known network `name` defines them that has these very names.

    Auxiliary heads may be among the names or not.

    Raises:
        WeightsError: no reference has these names, or its library is not installed.
    """
    body = {key for key in names if auxiliary_head(key) is None}
    calls, missing = references(name), []
    for call in calls:
        try:
            order = _names(call)
            if body != {key for key in order if auxiliary_head(key) is None}:
                continue
            if not set(names) <= set(order):
                order = _names(call, aux_logits=True)
        except WeightsError:
            missing.append(call.split(".")[0])
            continue
        return [key for key in order if key in names] + [key for key in names if key not in order]
    advice = f"pip install {' '.join(dict.fromkeys(missing))}" if missing else "save them with torch.save, which keeps the order"
    raise WeightsError(
        f"safetensors files lose the order of tensors, so their names must be ours or those of a reference of {name}; "
        f"{min(names, default='none')} and the others are of none of {', '.join(calls) or 'the known networks'}; {advice}"
    )


def _names(call: str, **changes: Any) -> list[str]:
    with torch.device("meta"):
        return [key for key in make_reference(call, **changes).state_dict() if not key.endswith(COUNTER)]
