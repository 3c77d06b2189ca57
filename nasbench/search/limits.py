"""Metrics: the cost and latency of a network, which need no training. Limits: what a network may cost, and whether it surely does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

from nasbench.errors import LimitError, StudyError, nearest
from nasbench.genotype import Genotype, Trace, cost_of, trace
from nasbench.genotype.units import show_count, show_memory
from nasbench.latency import Measurement, Prediction
from nasbench.latency.contract import Side, predicted_within, side, within_limit

Predict = Callable[[Trace], Prediction]


@dataclass(frozen=True)
class Metrics:
    """The cost and latency of one network.

    Attributes:
        params, macs: numbers of parameters and multiply-adds.
        peak_bytes: peak memory of inference in float32.
        size_bytes: size of parameters and buffers at the precision of the device.
        predicted: predicted latency with its interval; None where the device was not profiled, because nothing asks for latencies.
        measured: measured latency, at the speed that the machine had when it was profiled. It is used instead of the prediction.
        unverifiable: the network should be measured, but the machine is too busy: the prediction counts without its interval.
    """

    params: int
    macs: int
    peak_bytes: int
    size_bytes: int
    predicted: Prediction | None = None
    measured: Measurement | None = None
    unverifiable: bool = False

    @property
    def prediction(self) -> Prediction:
        """The predicted latency.

        Raises:
            StudyError: there is none.
        """
        if self.predicted is None:
            raise StudyError("a latency limit needs predicted latencies; give the problem a profile with `predicting`")
        return self.predicted

    @property
    def has_latency(self) -> bool:
        """Whether a latency is known, measured or predicted."""
        return self.measured is not None or self.predicted is not None

    @property
    def latency_ms(self) -> float:
        """The measured latency in milliseconds; without a measurement, the predicted one."""
        return self.prediction.ms if self.measured is None else self.measured.median_ms

    @property
    def low_ms(self) -> float:
        return self.prediction.low_ms if self.measured is None else self.measured.low_ms

    @property
    def high_ms(self) -> float:
        return self.prediction.high_ms if self.measured is None else self.measured.high_ms

    @property
    def latency_text(self) -> str:
        """The latency in words: `12.3 ms [11.0, 13.8] predicted`, with the reasons why an interval cannot be relied on."""
        how = "predicted" if self.measured is None else "measured"
        far = "" if self.reliable else f" ({'; '.join(self.prediction.extrapolated)})"
        return f"{self.latency_ms:.1f} ms [{self.low_ms:.1f}, {self.high_ms:.1f}] {how}{far}"

    @property
    def reliable(self) -> bool:
        """Whether the interval can be relied on. The interval of an extrapolated prediction cannot."""
        return self.measured is not None or not self.prediction.extrapolated


def estimate(g: Genotype, predict: Predict | None, precision: str = "fp32") -> Metrics:
    """The metrics of a network, all from one trace.

    Args:
        predict: predicts the latency; None leaves it out.

    Raises:
        GenotypeError: the shapes do not fit together.
    """
    layers = trace(g)
    cost = cost_of(layers)
    return Metrics(cost.params, cost.macs, cost.peak_bytes, cost.size_bytes(precision), predict and predict(layers))


@dataclass(frozen=True)
class Limits:
    """What a network may cost at most; None means that there is no limit.

    Attributes:
        latency_ms: latency on the device, in milliseconds.
        macs, params: numbers of multiply-adds and parameters.
        memory_bytes: peak memory of inference.
        size_bytes: size of the model.

    Raises:
        LimitError: a limit is not above zero.
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

    def judge(self, metrics: Metrics) -> Side:
        """`inside` if a network surely keeps every limit, `outside` if it surely breaks one, else `unsure`.

        The whole interval of the latency has to be on one side of its limit. All other metrics are exact.
        """
        if self.exceeded(metrics):
            return "outside"
        if self.latency_ms is None:
            return "inside"
        if metrics.unverifiable:
            return "inside" if predicted_within(metrics.prediction, self.latency_ms) else "outside"
        return side(metrics.low_ms, metrics.high_ms, self.latency_ms, reliable=metrics.reliable)

    def excess(self, metrics: Metrics) -> dict[str, float]:
        """The excess over each limit, as a share of the limit; zero or less is inside. For latency the upper end of the interval counts.

        The latency of a network that cannot be verified now counts without its interval.

        Example:
            >>> Limits(macs=100).excess(metrics)  # of a network with 150 multiply-adds
            {'macs': 0.5}
        """
        latency_ms = 0.0
        if self.latency_ms is not None:
            latency_ms = metrics.latency_ms if metrics.unverifiable else metrics.high_ms
        pairs = {
            "latency": (latency_ms, self.latency_ms),
            "macs": (metrics.macs, self.macs),
            "params": (metrics.params, self.params),
            "memory": (metrics.peak_bytes, self.memory_bytes),
            "size": (metrics.size_bytes, self.size_bytes),
        }
        return {name: value / limit - 1 for name, (value, limit) in pairs.items() if limit is not None}

    def exceeded(self, metrics: Metrics) -> tuple[str, ...]:
        """The limits other than the latency that a network breaks: `macs`, `params`, `memory`, `size`. These are exact."""
        return tuple(name for name, excess in self.excess(metrics).items() if name != "latency" and excess > 0)

    def met_by(self, metrics: Metrics) -> bool:
        """Whether a network is within every limit, where its latency counts without the interval."""
        return all(excess <= 0 for excess in self.excess(replace(metrics, unverifiable=True)).values())

    def broken(self, metrics: Metrics) -> str:
        """The limits that a network breaks or may break, in words."""
        m = metrics
        shown = {
            "latency": "" if self.latency_ms is None else f"{m.latency_text}, the limit is {self.latency_ms:g} ms",
            "macs": f"{show_count(m.macs)} MACs, the limit is {show_count(self.macs or 0)}",
            "params": f"{show_count(m.params)} parameters, the limit is {show_count(self.params or 0)}",
            "memory": f"{show_memory(m.peak_bytes)} at the peak, the limit is {show_memory(self.memory_bytes or 0)}",
            "size": f"a model of {show_memory(m.size_bytes)}, the limit is {show_memory(self.size_bytes or 0)}",
        }
        broken = [name for name, excess in self.excess(m).items() if excess > 0 or (name == "latency" and not m.reliable)]
        return "; ".join(shown[name] for name in broken)

    def name_parts(self) -> list[str]:
        """The parts of a folder's name, such as `20ms` and `300Mmacs`."""
        parts = [] if self.latency_ms is None else [f"{self.latency_ms:g}ms"]
        parts += [f"{show_count(n)}{unit}" for n, unit in ((self.macs, "macs"), (self.params, "params")) if n]
        sizes = ((self.memory_bytes, "memory"), (self.size_bytes, "size"))
        return parts + [f"{show_memory(n)}-{unit}" for n, unit in sizes if n]

    def describe(self) -> str:
        """The limits in words, such as `latency 20 ms, 300M MACs`."""
        parts = []
        if self.latency_ms is not None:
            parts.append(f"latency {self.latency_ms:g} ms")
        if self.macs is not None:
            parts.append(f"{show_count(self.macs)} MACs")
        if self.params is not None:
            parts.append(f"{show_count(self.params)} parameters")
        if self.memory_bytes is not None:
            parts.append(f"{show_memory(self.memory_bytes)} of memory")
        if self.size_bytes is not None:
            parts.append(f"a model of {show_memory(self.size_bytes)}")
        return ", ".join(parts) or "no limit"


# MnasNet's reward ACC * (LAT / T)^w (Tan et al. 2018, section 3.1), and the Pareto mode.

Mode = Literal["hard", "soft", "pareto"]

SOFT = (-0.07, -0.07)  # the exponents w inside and outside the limit
HARD = (0.0, -1.0)


def check_mode(mode: str) -> None:
    """Check the name of a reward.

    Raises:
        LimitError: the name is unknown.
    """
    if mode not in get_args(Mode):
        raise LimitError(f"a reward is one of {', '.join(get_args(Mode))}; got {mode!r}{nearest(mode, get_args(Mode))}")


def reward(accuracy: float, latency_ms: float, limit_ms: float, mode: Mode) -> float:
    """The reward of a network.

    The `hard` reward is the accuracy inside the limit. In the `soft` reward half of the latency is worth 5 % of the accuracy.

    Args:
        mode: `hard` or `soft`; in `pareto` mode there is no reward.

    Example:
        >>> reward(0.8, 10, 20, "hard"), reward(0.8, 40, 20, "hard")
        (0.8, 0.4)
    """
    inside, outside = SOFT if mode == "soft" else HARD
    exponent = inside if within_limit(latency_ms, limit_ms) else outside
    return float(accuracy * (latency_ms / limit_ms) ** exponent)


def directions(mode: Mode) -> tuple[Literal["maximize", "minimize"], ...]:
    """The direction in which each of the values of `values` is optimised."""
    return ("maximize", "minimize") if mode == "pareto" else ("maximize",)


def values(accuracy: float, latency_ms: float | None, limit_ms: float | None, mode: Mode) -> list[float]:
    """The values that a strategy optimises: accuracy and latency in `pareto` mode, else the reward; without a limit, the accuracy.

    Raises:
        StudyError: the values depend on the latency, and it is not known.
    """
    if mode != "pareto" and limit_ms is None:
        return [accuracy]
    if latency_ms is None:
        raise StudyError(f"the reward {mode} depends on the latency; the network has none; give the problem a profile with `predicting`")
    return [accuracy, latency_ms] if limit_ms is None or mode == "pareto" else [reward(accuracy, latency_ms, limit_ms, mode)]
