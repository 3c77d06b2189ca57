"""Limits: what is known of a network before any training, what it may cost, and whether that is sure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from nasbench.errors import LimitError
from nasbench.genotype import Genotype, Trace, cost_of, trace
from nasbench.genotype.units import show_count, show_memory
from nasbench.latency import Measurement, Prediction
from nasbench.latency.contract import Side, side

Predict = Callable[[Trace], Prediction]


@dataclass(frozen=True)
class Metrics:
    """One network in numbers that need no training.

    Attributes:
        params, macs: counts; peak_bytes: memory of inference; size_bytes: of the model at the device's precision.
        predicted: latency with its interval.
        measured: latency at the speed that predictions hold for; it then counts instead of the prediction.
    """

    params: int
    macs: int
    peak_bytes: int
    size_bytes: int
    predicted: Prediction
    measured: Measurement | None = None

    @property
    def latency_ms(self) -> float:
        """The best that is known."""
        return self.predicted.ms if self.measured is None else self.measured.median_ms

    @property
    def low_ms(self) -> float:
        return self.predicted.low_ms if self.measured is None else self.measured.low_ms

    @property
    def high_ms(self) -> float:
        return self.predicted.high_ms if self.measured is None else self.measured.high_ms

    @property
    def reliable(self) -> bool:
        """Whether the interval says something; that of an extrapolated prediction does not."""
        return self.measured is not None or not self.predicted.extrapolated


def figures(g: Genotype, predict: Predict, precision: str = "fp32") -> Metrics:
    """All from one trace.

    Raises:
        GenotypeError: shapes that do not meet.
    """
    layers = trace(g)
    cost = cost_of(layers)
    return Metrics(cost.params, cost.macs, cost.peak_bytes, cost.size_bytes(precision), predict(layers))


@dataclass(frozen=True)
class Limits:
    """What a network may cost at most; None is no limit.

    Attributes:
        latency_ms: of inference on the device; macs, params: counts; memory_bytes: peak of inference; size_bytes: of the model.

    Raises:
        LimitError: a limit that is not above zero.
    """

    latency_ms: float | None = None
    macs: int | None = None
    params: int | None = None
    memory_bytes: int | None = None
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not value > 0:
                raise LimitError(f"a limit is above zero; {name} is {value}")

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return any(value is not None for value in asdict(self).values())

    def judge(self, f: Metrics) -> Side:
        """`inside` when a network surely meets every limit, `outside` when it surely breaks one, else `unsure`.

        Of latency the whole interval has to be on one side of the limit. All other figures are exact.
        """
        if any(excess > 0 for name, excess in self.excess(f).items() if name != "latency"):
            return "outside"
        if self.latency_ms is None:
            return "inside"
        return side(f.low_ms, f.high_ms, self.latency_ms, reliable=f.reliable)

    def excess(self, f: Metrics) -> dict[str, float]:
        """By how much of the limit each figure, of latency the upper end, is above it; zero or less is inside."""
        pairs = {
            "latency": (f.high_ms, self.latency_ms),
            "macs": (f.macs, self.macs),
            "params": (f.params, self.params),
            "memory": (f.peak_bytes, self.memory_bytes),
            "size": (f.size_bytes, self.size_bytes),
        }
        return {name: value / limit - 1 for name, (value, limit) in pairs.items() if limit is not None}

    def broken(self, f: Metrics) -> str:
        """Which limits a network breaks or may break, in words."""
        how = "predicted" if f.measured is None else "measured"
        far = "" if f.reliable else f" ({'; '.join(f.predicted.extrapolated)})"
        shown = {
            "latency": f"{f.latency_ms:.1f} ms [{f.low_ms:.1f}, {f.high_ms:.1f}] {how}{far}, {self.latency_ms or 0:g} ms allowed",
            "macs": f"{show_count(f.macs)} MACs, {show_count(self.macs or 0)} allowed",
            "params": f"{show_count(f.params)} parameters, {show_count(self.params or 0)} allowed",
            "memory": f"{show_memory(f.peak_bytes)} at the peak, {show_memory(self.memory_bytes or 0)} allowed",
            "size": f"a model of {show_memory(f.size_bytes)}, {show_memory(self.size_bytes or 0)} allowed",
        }
        return "; ".join(shown[name] for name, excess in self.excess(f).items() if excess > 0 or (name == "latency" and not f.reliable))

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
        if self.size_bytes is not None:
            said.append(f"a model of {show_memory(self.size_bytes)}")
        return ", ".join(said) or "no limit"
