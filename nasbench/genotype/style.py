"""Style: the numeric conventions of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, get_args, get_type_hints

from nasbench.errors import GenotypeError, nearest, short
from nasbench.genotype.fields import Act, Order

Norm = Literal["batch", "none"]
Init = Literal["he_fan_out", "he_fan_in", "torch"]


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
        for name, low, high in (("eps", 0.0, 1.0), ("momentum", 0.0, 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, float | int) or not low < value <= high:
                raise GenotypeError(f"style.{name} is a number above {low:g}, at most {high:g}; got {short(value)}")
            object.__setattr__(self, name, float(value))  # 1 and 1.0 are equal, so they must be one in the digest too
        if isinstance(self.drop_path, bool) or not isinstance(self.drop_path, float | int) or not 0 <= self.drop_path < 1:
            raise GenotypeError(f"style.drop_path is a number from 0, below 1; got {short(self.drop_path)}")
        object.__setattr__(self, "drop_path", float(self.drop_path))
        if isinstance(self.divisor, bool) or not isinstance(self.divisor, int) or not 1 <= self.divisor <= 256:
            raise GenotypeError(f"style.divisor is a whole number from 1 to 256; got {short(self.divisor)}")

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

    def written(self) -> dict[str, Any]:
        """The values that differ from the defaults."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
