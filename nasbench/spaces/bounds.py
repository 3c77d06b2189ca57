"""Bounds: what a network of a space may cost at most, so that whatever is drawn can be trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from nasbench.errors import SpaceError, UnitError, nearest, short
from nasbench.genotype import Genotype, cost
from nasbench.genotype.units import parse_count, parse_memory, show_count, show_memory


@dataclass(frozen=True)
class Bounds:
    """None is no bound.

    Attributes:
        macs, params: counts; memory: bytes of a training step at batch 1, as `Cost.train_peak_bytes` has it.
        depth: convolutions and linear layers on the longest way.
    """

    macs: int | None = None
    params: int | None = None
    memory: int | None = None
    depth: int | None = None

    @classmethod
    def read(cls, written: Any) -> Bounds:
        """From `{macs: 30G, params: 150M, memory: 4GiB, depth: 300}`.

        Raises:
            SpaceError: an unknown name, or a quantity that is none.
        """
        names = [f.name for f in fields(cls)]
        if not isinstance(written, Mapping):
            raise SpaceError(f"bounds is a mapping of {', '.join(names)}, such as {{macs: 1G}}; got {short(written)}")
        found: dict[str, int] = {}
        for name, value in written.items():
            if name not in names:
                raise SpaceError(f"bounds has no {short(name)}; it reads {', '.join(names)}{nearest(name, names)}")
            try:
                found[name] = (parse_memory if name == "memory" else parse_count)(str(value))
            except UnitError as error:
                raise SpaceError(f"bounds, {name}: {error}") from None
        return cls(**found)

    def check(self, g: Genotype) -> None:
        """Trace `g` and hold it against the bounds.

        Raises:
            GenotypeError: shapes that do not meet.
            SpaceError: more than a bound allows.
        """
        c = cost(g)
        for name, value, show in self._figures(c.macs, c.params, c.train_peak_bytes, c.depth):
            limit = getattr(self, name)
            if limit is not None and value > limit:
                raise SpaceError(f"a network of {g.name} has at most {show(limit)} {name}; this one has {show(value)}; make it smaller")

    @staticmethod
    def _figures(macs: int, params: int, memory: int, depth: int) -> tuple[tuple[str, int, Callable[[float], str]], ...]:
        return ("macs", macs, show_count), ("params", params, show_count), ("memory", memory, show_memory), ("depth", depth, show_count)

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) is not None for f in fields(self))

    def describe(self) -> str:
        """`at most 30G macs, 150M params`."""
        said = [f"{show(getattr(self, name))} {name}" for name, _, show in self._figures(0, 0, 0, 0) if getattr(self, name) is not None]
        return f"at most {', '.join(said)}" if said else ""
