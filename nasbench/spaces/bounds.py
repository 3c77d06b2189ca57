"""Bounds on the cost of the networks of a space, so that every network that is drawn can be trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nasbench.errors import SpaceError, UnitError, nearest, short
from nasbench.genotype import Genotype, cost
from nasbench.genotype.units import parse_count, parse_memory, show_count, show_memory

_SHOW: dict[str, Callable[[float], str]] = {"macs": show_count, "params": show_count, "memory": show_memory, "depth": show_count}


@dataclass(frozen=True)
class Bounds:
    """The largest cost of a network; None sets no bound.

    Attributes:
        macs: multiply-adds of convolutions and linear layers for one image.
        params: trained numbers.
        memory: bytes of a training step at batch 1, as `Cost.train_peak_bytes`.
        depth: convolutions and linear layers on the longest path.
    """

    macs: int | None = None
    params: int | None = None
    memory: int | None = None
    depth: int | None = None

    @classmethod
    def read(cls, written: Any) -> Bounds:
        """Bounds from YAML, such as `{macs: 30G, params: 150M, memory: 4GiB, depth: 300}`.

        Raises:
            SpaceError: an unknown name, or a quantity that cannot be read.
        """
        if not isinstance(written, Mapping):
            raise SpaceError(f"bounds is a mapping of {', '.join(_SHOW)}, such as {{macs: 1G}}; got {short(written)}")
        bounds: dict[str, int] = {}
        for name, value in written.items():
            if name not in _SHOW:
                raise SpaceError(f"bounds has no {short(name)}; it reads {', '.join(_SHOW)}{nearest(name, _SHOW)}")
            try:
                bounds[name] = (parse_memory if name == "memory" else parse_count)(str(value))
            except UnitError as error:
                raise SpaceError(f"bounds, {name}: {error}") from None
        return cls(**bounds)

    def check(self, g: Genotype) -> None:
        """Trace `g` and compare its cost with the bounds.

        Raises:
            GenotypeError: shapes that do not fit together.
            SpaceError: a cost above its bound.
        """
        c = cost(g)
        values = {"macs": c.macs, "params": c.params, "memory": c.train_peak_bytes, "depth": c.depth}
        for name, bound in self._set().items():
            if values[name] > bound:
                show = _SHOW[name]
                raise SpaceError(
                    f"a network of {g.name} has at most {show(bound)} {name}; this one has {show(values[name])}; make it smaller"
                )

    def _set(self) -> dict[str, int]:
        """The bounds that are not None, by name."""
        return {name: bound for name in _SHOW if (bound := getattr(self, name)) is not None}

    def __bool__(self) -> bool:
        return bool(self._set())

    def describe(self) -> str:
        """The bounds in words, such as `at most 30G macs, 150M params`; empty without bounds."""
        words = [f"{_SHOW[name](bound)} {name}" for name, bound in self._set().items()]
        return f"at most {', '.join(words)}" if words else ""
