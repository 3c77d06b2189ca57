"""Networks of other libraries whose weights fit the known networks. The facts of the zoo name their constructors."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nasbench.errors import WeightsError, nearest, one_line, short
from nasbench.files import write_atomic
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


def reference_modules(like: Any, state: Mapping[str, Tensor]) -> Iterator[tuple[nn.Module, list[str]]]:
    """The networks that the tensors of `state` may be of, each with what the user has to know about it; none if nothing tells.

    Several have the names and shapes of their tensors in common, such as SqueezeNet with and without a bypass.

    Args:
        like: see `nasbench.load_weights`. None asks the names of the tensors.

    Raises:
        WeightsError: `like` is no network; or the library that the names belong to is not installed.
    """
    if isinstance(like, nn.Module):
        yield like, []
    elif isinstance(like, str) and "(" in like:
        yield _made(lambda: make_reference(like), like), []
    elif isinstance(like, str):
        calls = _of_names(state, references(like))
        if not calls:
            why = "the weights have the names of none of its references" if references(like) else "no library is known to build it"
            raise WeightsError(
                f"like= names a known network, or is a constructor such as \"timm.create_model('resnet18')\"; got {like!r}, and {why}"
                f"{nearest(like, facts()) if like not in facts() else ''}; give the module itself, or its constructor"
            )
        yield from _fitting(calls, state)
    elif like is not None:
        yield _made(like, short(like)), []
    elif calls := _of_names(state):
        yield from _fitting(calls, state)


def _made(make: Any, name: str) -> nn.Module:
    """The module that a function makes, without memory where it can; `name` is the function's, for messages."""
    rule = "like= is a module, a function that makes one, a constructor as text, the name of a known network, or order"
    if not callable(make):
        raise WeightsError(f"{rule}; got {name}")
    try:
        with torch.random.fork_rng(devices=[]):
            try:
                with torch.device("meta"):
                    module = make()
            except (RuntimeError, NotImplementedError):  # it computes with numbers while it is made
                module = make()
    except WeightsError:
        raise
    except Exception as error:
        raise WeightsError(f"{rule}; {name} fails: {one_line(error)}; correct it, or pass the module itself") from error
    if not isinstance(module, nn.Module):
        raise WeightsError(f"{rule}; {name} makes {type(module).__name__}")
    return module


def has_known_names(names: Collection[str]) -> bool:
    """Whether the names are those of the tensors of a reference."""
    return bool(_of_names(names))


def _of_names(state: Collection[str], among: Collection[str] | None = None) -> list[str]:
    """The constructors whose tensors have these names."""
    calls = _table().get(names_digest(state), [])
    return [call for call in calls if among is None or call in among]


def _fitting(calls: list[str], state: Mapping[str, Tensor]) -> Iterator[tuple[nn.Module, list[str]]]:
    """Those of the networks whose shapes are those of the tensors; else the one that is nearest, as with another number of classes."""
    heads = any(auxiliary_head(name) is not None for name in state)
    others: list[tuple[int, int, str, nn.Module]] = []
    missing: list[str] = []
    equal = False
    for call in calls:
        try:
            module = _on_meta(call, state if heads else ())
        except WeightsError:
            missing.append(call.split(".")[0])
            continue
        differing = sum(name in state and state[name].shape != value.shape for name, value in module.state_dict().items())
        if differing:
            others.append((differing, len(others), call, module))
        else:
            equal = True
            yield module, _announced(calls, call)
    if equal:
        return
    if not others:
        raise WeightsError(
            f"the tensors have the names of {calls[0]}, which tells how they belong together, and is not installed here; "
            f'pip install {missing[0]}, or say like="order" if they are in the order in which their layers run'
        )
    least = min(others)[0]
    yield from ((module, _announced(calls, call)) for differing, _, call, module in others if differing == least)


def _on_meta(call: str, names: Collection[str]) -> nn.Module:
    """The network of a constructor, with auxiliary heads if `names` have some that it would lack."""
    with torch.device("meta"):
        module = make_reference(call)
        if any(name not in module.state_dict() and auxiliary_head(name) is not None for name in names):
            module = make_reference(call, aux_logits=True)
    return module


def _announced(calls: list[str], chosen: str) -> list[str]:
    """What networks whose tensors have the same names and shapes do besides, which no tensor shows."""
    near = next(fact.near for fact in facts().values() if chosen in (*fact.references, *fact.near))
    notes = [
        f"these are also the names of {call}, which {near[call]}; if the weights are of that network, its logits differ from ours"
        for call in calls
        if call in near and call != chosen
    ]
    if any(re.match(r"torchvision\.models\.(googlenet|inception_v3)\(", call) for call in calls):
        notes.append(
            "if these are torchvision's pretrained weights: that network changes its images before the first layer (transform_input), "
            'which no tensor holds; nasbench.preprocess(net, "transform_input") does the same'
        )
    return notes


def names_digest(names: Collection[str]) -> str:
    """A hash of the names of a network's tensors, without those of auxiliary heads and the counters of batch norms."""
    body = sorted(name for name in names if auxiliary_head(name) is None and not name.endswith(COUNTER))
    return hashlib.sha256("\n".join(body).encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def _table() -> dict[str, list[str]]:
    """Constructors by the digest of their names; `reference_table` makes it, and a test compares the file with it."""
    text = files("nasbench.network").joinpath("reference_names.json").read_text(encoding="utf-8")
    table: dict[str, list[str]] = json.loads(text)
    return table


def reference_table() -> dict[str, list[str]]:
    """The table anew, from every constructor in the facts; all libraries must be installed."""
    table: dict[str, list[str]] = {}
    for call in dict.fromkeys(call for fact in facts().values() for call in (*fact.references, *fact.near)):
        with torch.device("meta"):
            names = make_reference(call).state_dict()
        table.setdefault(names_digest(names), []).append(call)
    return table


def write_reference_table() -> None:
    """Write the file of the table again, after a change of the references in the facts."""
    write_atomic(Path(__file__).with_name("reference_names.json"), json.dumps(reference_table(), indent=1) + "\n")
