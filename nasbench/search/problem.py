"""What a search has to solve: its configuration with the space, the evaluator, the device and its predictor, all ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from nasbench.engines.open import check_room
from nasbench.errors import StudyError
from nasbench.evaluate import Evaluator, make_evaluator
from nasbench.genotype import Genotype, adapt
from nasbench.latency import Device, Patience, Predictor, Profile
from nasbench.latency.contract import within_limit
from nasbench.plugins import Plugin, loaded_plugins
from nasbench.search.config import SearchConfig, space_digest
from nasbench.search.limits import Metrics, estimate
from nasbench.search.measuring import Measure, measurable, measurer_for
from nasbench.search.probe.store import stored_rankings
from nasbench.spaces import Choose, ParameterValues, Space, load_space
from nasbench.strategies import make_strategy
from nasbench.zoo import known

STARTS = ("mobilenet_v3_small", "mobilenet_v2", "mnasnet_a1", "mobilenet_v3_large", "efficientnet_b0")


@dataclass(frozen=True)
class Problem:
    """A search that is ready to run.

    Attributes:
        evaluator: says how good a network is.
        predictor: of latency on the device; None before the device is profiled, and where nothing asks for latencies.
        measure: measures networks by name on the device; None for the real measuring, where the device is here.
    """

    config: SearchConfig
    space: Space
    evaluator: Evaluator
    device: Device
    predictor: Predictor | None = None
    plugins: tuple[Plugin, ...] = ()
    measure: Measure | None = None

    def predicting(self, profile: Profile) -> Problem:
        """The same problem, with latency predicted from a profile of the device."""
        return replace(self, predictor=Predictor(profile))

    @property
    def measurable(self) -> bool:
        """Whether networks can be measured: the device is here, or a node of the cluster."""
        return self.measure is not None or measurable(self.device, self.config.engine)

    def measurer(self, say: Callable[[str], None], patience: Patience | None = None) -> Measure | None:
        """What measures; None where the device is elsewhere, or where nothing asks for latencies."""
        if not self.config.wants_latency:
            return None
        return self.measure or measurer_for(self.device, self.config.engine, say, patience)

    @cached_property
    def classes(self) -> int:
        """Of the data."""
        return self.evaluator.data.classes

    def decode(self, choose: Choose) -> Genotype:
        """A network of the space, with the classes of the data."""
        return adapt(self.space.decode(choose), classes=self.classes)

    def known(self) -> dict[str, Genotype]:
        """The known networks to compare with, with the classes of the data; none if the evaluator cannot evaluate them."""
        if not self.evaluator.evaluates_known:
            return {}
        return {name: adapt(known(name), classes=self.classes) for name in self.config.known}

    def estimate(self, g: Genotype) -> Metrics:
        """The metrics of a network.

        Raises:
            StudyError: latencies are asked for, and the problem has no predictor yet.
            GenotypeError: shapes that do not meet.
        """
        if self.predictor is None and self.config.wants_latency:
            raise StudyError("latencies need a predictor; give the problem a profile with `predicting`")
        return estimate(g, None if self.predictor is None else self.predictor.predict, self.device.precision)

    def starts(self) -> list[tuple[Genotype, ParameterValues]]:
        """Known networks that are points of the space, each at the largest resolution that may be inside the limits.

        A strategy begins with them; they are evaluated and counted like any other trial. Lowering the resolution is
        MobileNet's own multiplier (Howard et al. 2017, section 3.4).
        """
        starts = []
        limits = self.config.limits
        for name in STARTS:
            g = known(name)
            for size in sorted(self.space.resolution, reverse=True):
                smaller = adapt(g, input=(g.input[0], size, size))
                if size > g.input[1] or smaller not in self.space:
                    continue
                fitted = adapt(smaller, classes=self.classes)
                metrics = self.estimate(fitted)
                side = limits.judge(metrics)
                if side == "inside" or (
                    side == "unsure" and limits.latency_ms is not None and within_limit(metrics.latency_ms, limits.latency_ms)
                ):
                    starts.append((fitted, self.space.encode(smaller)))
                    break
        return starts


def open_problem(config: SearchConfig, device: Device) -> Problem:
    """Load what a configuration names; the predictor comes later, since profiling takes longest.

    Raises:
        NasbenchError: an unknown space, network, strategy, evaluator or data set; a machine that lacks what a trial asks for.
    """
    check_room(config.engine, config.workers)
    space = load_space(config.space)
    make_strategy(config.strategy, config.seed, **config.options)
    plugins = loaded_plugins()
    evaluator = make_evaluator(config.evaluator, config.context(plugins), config.evaluator_options)
    if config.mode == "soft" and not evaluator.measures_accuracy:
        raise StudyError(
            f"the soft reward weighs an accuracy against the latency; the evaluator {config.evaluator} gives scores; choose --reward hard "
            "or pareto"
        )
    if evaluator.trains_finalists and (config.rungs or config.reuse):
        what = "--eta and --rungs stop trainings early, and it trains none" if config.rungs else "--from takes scores of another supernet"
        raise StudyError(f"the evaluator {config.evaluator} scores networks with shared weights of this study; {what}; leave it out")
    training = evaluator.data.training  # says now what is wrong with the data
    if config.open_fields:
        probed = stored_rankings(evaluator.data.fingerprint, space_digest(space)).chosen if training else None
        config = config.fitted_to(training, probed)
        evaluator = make_evaluator(config.evaluator, config.context(plugins), config.evaluator_options)
    for name in config.known:
        known(name)
    return Problem(config, space, evaluator, device, plugins=plugins)
