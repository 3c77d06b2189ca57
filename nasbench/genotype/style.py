"""Style: the numeric conventions of a network."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

from nasbench.errors import GenotypeError, nearest, short
from nasbench.genotype.fields import Act, Order

Norm = Literal["batch", "none"]
Init = Literal["he_fan_out", "he_fan_in", "torch"]


class _Numbers(NamedTuple):
    """The numbers that a field may have: their type, in words, and as a test."""

    kind: Any
    words: str
    holds: Callable[[float], bool]


_NUMBERS = {
    "eps": _Numbers(float | int, "a number above 0, at most 1", lambda value: 0 < value <= 1),
    "momentum": _Numbers(float | int, "a number above 0, at most 1", lambda value: 0 < value <= 1),
    "drop_path": _Numbers(float | int, "a number from 0, below 1", lambda value: 0 <= value < 1),
    "divisor": _Numbers(int, "a whole number from 1 to 256", lambda value: 1 <= value <= 256),
}


@dataclass(frozen=True)
class Style:
    """Numeric conventions, one per network.

    Attributes:
        norm: `batch`, or `none`; without norms convolutions have a bias.
        eps: number that batch normalisation adds to the variance.
        momentum: weight of the new batch in the running mean and variance, as in torch.
        order: order of convolution, norm and activation, for blocks that do not set their own.
        act: activation, for blocks that do not set their own.
        se_act: activation inside squeeze-and-excitation.
        se_gate: activation at the end of squeeze-and-excitation, which makes the factors.
        divisor: relative widths are rounded to multiples of it, and lose at most a tenth; 1 rounds down.
        drop_path: probability with which training drops the last residual block; the l-th of L blocks is dropped with l/L of it
            (Huang et al. 2016, "Stochastic Depth", eq. 4), unless it sets its own.
        init: initial weights: `he_fan_out` or `he_fan_in` (He et al. 2015, per group), or `torch`'s own.

    Raises:
        GenotypeError: a value outside its range, or a name that is not among the options.

    >>> Style(act="silu", divisor=8).written()
    {'act': 'silu', 'divisor': 8}
    """

    norm: Norm = "batch"
    eps: float = 1e-5
    momentum: float = 0.1
    order: Order = "conv-norm-act"
    act: Act = "relu"
    se_act: Act = "relu"
    se_gate: Act = "sigmoid"
    divisor: int = 1
    drop_path: float = 0.0
    init: Init = "he_fan_out"

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(Style).items():
            value, options = getattr(self, name), get_args(kind)
            if options and value not in options:
                raise GenotypeError(f"style.{name} is one of {', '.join(options)}; got {short(value)}{nearest(value, options)}")
        for name, numbers in _NUMBERS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, numbers.kind) or not numbers.holds(value):
                raise GenotypeError(f"style.{name} is {numbers.words}; got {short(value)}")
            if numbers.kind is not int:
                object.__setattr__(self, name, float(value))  # 1 and 1.0 are equal, so they must be one in the digest too

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(tuple(getattr(self, f.name) for f in fields(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # a hash of text differs in another process

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Style:
        """A style from a mapping, as YAML gives it.

        Raises:
            GenotypeError: an unknown name, or an impossible value.
        """
        names = [f.name for f in fields(cls)]
        for key in written:
            if key not in names:
                raise GenotypeError(f"style has no field {short(key)}; it reads {', '.join(names)}{nearest(key, names)}")
        return cls(**written)

    @classmethod
    def describe(cls) -> list[tuple[str, str, str, str]]:
        """Rows of (field, values, default, meaning) for a help text; the meanings are those of the docstring above."""
        meanings = dict(re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", inspect.getdoc(cls) or "", re.MULTILINE))
        rows = []
        for f in fields(cls):
            options = get_args(get_type_hints(cls)[f.name])
            values = ", ".join(options) if options else _NUMBERS[f.name].words
            rows.append((f.name, values, str(f.default), " ".join(meanings[f.name].split())))
        return rows

    def written(self) -> dict[str, Any]:
        """The values that differ from the defaults."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
