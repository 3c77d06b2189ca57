"""Cheap limits: what is known of a network before any training, and what it may cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from nasbench.errors import BudgetError
from nasbench.genotype import Genotype, Trace, cost_of, trace
from nasbench.genotype.units import show_count, show_memory
from nasbench.latency.predict import Prediction

Predict = Callable[[Trace], Prediction]


@dataclass(frozen=True)
class Figures:
    """One network in numbers that need no training.

    Attributes:
        params, macs: counts; peak_bytes: memory of inference.
        predicted: latency with its interval.
    """

    params: int
    macs: int
    peak_bytes: int
    predicted: Prediction

    @property
    def latency_ms(self) -> float:
        return self.predicted.ms


def figures(g: Genotype, predict: Predict) -> Figures:
    """All from one trace.

    Raises:
        GenotypeError: shapes that do not meet.
    """
    layers = trace(g)
    cost = cost_of(layers)
    return Figures(cost.params, cost.macs, cost.peak_bytes, predict(layers))


@dataclass(frozen=True)
class Limits:
    """What a network may cost at most; None is no limit."""

    latency_ms: float | None = None
    macs: int | None = None
    params: int | None = None
    memory_bytes: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not value > 0:
                raise BudgetError(f"a limit is above zero; {name} is {value}")

    def excess(self, f: Figures) -> dict[str, float]:
        """By how much of the limit each figure is above it; zero or less is inside."""
        pairs = {
            "latency": (f.latency_ms, self.latency_ms),
            "macs": (f.macs, self.macs),
            "params": (f.params, self.params),
            "memory": (f.peak_bytes, self.memory_bytes),
        }
        return {name: value / limit - 1 for name, (value, limit) in pairs.items() if limit is not None}

    def allow(self, f: Figures) -> bool:
        return all(excess <= 0 for excess in self.excess(f).values())

    def broken(self, f: Figures) -> str:
        """Which limits a network breaks, in words."""
        shown = {
            "latency": f"{f.latency_ms:.1f} ms predicted, {self.latency_ms or 0:g} ms allowed",
            "macs": f"{show_count(f.macs)} MACs, {show_count(self.macs or 0)} allowed",
            "params": f"{show_count(f.params)} parameters, {show_count(self.params or 0)} allowed",
            "memory": f"{show_memory(f.peak_bytes)} at the peak, {show_memory(self.memory_bytes or 0)} allowed",
        }
        return "; ".join(shown[name] for name, excess in self.excess(f).items() if excess > 0)

    def describe(self) -> str:
        said = []
        if self.latency_ms is not None:
            said.append(f"latency {self.latency_ms:g} ms")
        if self.macs is not None:
            said.append(f"{show_count(self.macs)} MACs")
        if self.params is not None:
            said.append(f"{show_count(self.params)} parameters")
        if self.memory_bytes is not None:
            said.append(f"{show_memory(self.memory_bytes)} of memory")
        return ", ".join(said) or "no limit"
