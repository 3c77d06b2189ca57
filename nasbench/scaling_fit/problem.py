"""A fit that is ready to run: its configuration, its evaluator, its device and its predictor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from nasbench.engines.open import check_room
from nasbench.evaluate import Evaluator, make_evaluator
from nasbench.genotype import Genotype, adapt, cost
from nasbench.latency import Device, Predictor, Profile
from nasbench.plugins import Plugin, loaded_plugins
from nasbench.scaling_fit.config import FitConfig
from nasbench.scaling_fit.growth import LATENCY_REACH, MACS_REACH, Growth
from nasbench.search.measuring import Measure, measurer_for
from nasbench.training.recipe import REFERENCE, SMALL, SMALLEST


@dataclass(frozen=True)
class FitProblem:
    """A fit that is ready to run.

    Attributes:
        evaluator: says how good a network is.
        device: the device whose latency doubles; None where the cost is multiply-adds.
        predictor: predicts latency on the device; None before the device is profiled.
        beside: predicts latencies that are only recorded, where the cost is multiply-adds and a profile is stored.
        measure: measures networks by name; None for the real measuring, where the device is on this machine.
    """

    config: FitConfig
    evaluator: Evaluator
    device: Device | None = None
    predictor: Predictor | None = None
    beside: Predictor | None = None
    plugins: tuple[Plugin, ...] = ()
    measure: Measure | None = None

    def predicting(self, profile: Profile) -> FitProblem:
        """The same problem, with latency predicted from a profile of the device."""
        return replace(self, predictor=Predictor(profile))

    def measurer(self, say: Callable[[str], None]) -> Measure | None:
        """What measures; None where the cost is multiply-adds or the device is elsewhere."""
        if self.device is None:
            return self.measure
        return self.measure or measurer_for(self.device, self.config.engine, say)

    @property
    def base(self) -> Genotype:
        """The network that grows, with the classes of the data."""
        return adapt(self.config.genotype, classes=self.evaluator.data.classes)

    def growth(self, latency_ms: Callable[[Genotype], float] | None = None) -> Growth:
        """How the base grows.

        Args:
            latency_ms: the cost that doubles; default: multiply-adds.
        """
        if latency_ms is not None:
            return Growth(self.base, self.config.divisor, latency_ms, self.side, LATENCY_REACH)
        return Growth(self.base, self.config.divisor, lambda g: float(cost(g).macs), self.side, MACS_REACH)

    def side(self, wanted: float) -> int:
        """The input side nearest to `wanted` at which training has a whole number of pixels (see `proxy_input`)."""
        if max(self.base.input[1:]) <= SMALL:
            return max(SMALLEST, round(wanted))
        train_size = self.config.recipe.train_size
        pixels = max(SMALLEST, round(wanted * train_size / REFERENCE))
        return round(pixels * REFERENCE / train_size)


def open_fit_problem(config: FitConfig, device: Device | None = None) -> FitProblem:
    """Load what a configuration names; the predictor comes later, since profiling takes longest.

    Raises:
        NasbenchError: an unknown data set, a base network that is not possible, or a machine that lacks what a trial asks for.
    """
    check_room(config.engine, config.workers)
    plugins = loaded_plugins()
    evaluator = make_evaluator("train", config.context(plugins), {})
    if config.open_fields:
        config = config.fitted_to(evaluator.data.training)
        evaluator = make_evaluator("train", config.context(plugins), {})
    problem = FitProblem(config, evaluator, device, plugins=plugins)
    cost(problem.base)  # report now what is wrong with the network or the data
    return problem
