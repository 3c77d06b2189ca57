"""Numbers in weights that are worth a warning: NaN, infinities and denormals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

_TINY = torch.finfo(torch.float32).tiny

_UNUSUAL: tuple[tuple[str, Callable[[Tensor], Tensor], str], ...] = (
    ("NaN", torch.isnan, "a network with them answers NaN; train it again, or take an earlier checkpoint"),
    ("infinite", torch.isinf, "a network with them answers infinity or NaN; train it again, or take an earlier checkpoint"),
    (
        "denormal",
        lambda value: (value != 0) & (value.abs() < _TINY),
        f"below {_TINY:.1e} a CPU computes slowly, and a GPU may take them for 0; torch.set_flush_denormal(True) does so on a CPU",
    ),
)


def unusual_numbers(state: Mapping[str, Tensor]) -> list[str]:
    """A sentence for each kind of unusual number in the tensors, as float32 holds them, with their count and the first name.

    >>> unusual_numbers({"a.weight": torch.ones(2), "b.weight": torch.tensor([0.0, float("nan")])})
    ['1 number of the weights is NaN, in b.weight; a network with them answers NaN; train it again, or take an earlier checkpoint']
    """
    counts: dict[str, dict[str, int]] = {}
    for name, value in state.items():
        if not value.is_floating_point() or value.is_meta:
            continue
        numbers = value.detach().float()
        size = numbers.abs()
        # Most tensors have none: one pass finds that.
        if bool(torch.isfinite(size).all()) and not bool(((size < _TINY) & (size > 0)).any()):
            continue
        for kind, test, _ in _UNUSUAL:
            if found := int(test(numbers).sum()):
                counts.setdefault(kind, {})[name] = found
    return [_sentence(kind, counts[kind], advice) for kind, _, advice in _UNUSUAL if kind in counts]


def _sentence(kind: str, found: Mapping[str, int], advice: str) -> str:
    total, first = sum(found.values()), next(iter(found))
    where = f"in {first}" if len(found) == 1 else f"the first in {first}"
    return f"{total:,} number{'s' if total > 1 else ''} of the weights {'are' if total > 1 else 'is'} {kind}, {where}; {advice}"
