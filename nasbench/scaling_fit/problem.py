"""Everything that a fit needs, ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from nasbench.engines.open import check_room
from nasbench.evaluate.train import TrainTask, evaluate_training
from nasbench.genotype import Genotype, adapt, cost
from nasbench.latency import Device, Predictor, Profile
from nasbench.plugins import Plugin, loaded_plugins
from nasbench.scaling_fit.config import FitConfig
from nasbench.scaling_fit.directions import FAR, Growth
from nasbench.search.config import VALIDATION
from nasbench.search.loop import Evaluate
from nasbench.search.measuring import Measure, measurer_for
from nasbench.search.problem import fingerprint, train_task
from nasbench.training.data import load_images
from nasbench.training.recipe import REFERENCE, SMALL, SMALLEST


@dataclass(frozen=True)
class FitProblem:
    """The request with its data, its device and the user's own words.

    Attributes:
        device: None where the cost is multiply-adds; predictor: once it was profiled.
        beside: where the cost is multiply-adds, what predicts latencies to be shown beside it, if anything does.
        evaluate: what a trial's process runs; a module's function. It returns a record with `status` and `accuracy`.
        measure: measures networks by name on the device; None is the real thing, where the device is here.
    """

    request: FitConfig
    classes: int
    train_images: int
    images: str
    device: Device | None = None
    predictor: Predictor | None = None
    beside: Predictor | None = None
    plugins: tuple[Plugin, ...] = ()
    evaluate: Evaluate = evaluate_training
    measure: Measure | None = None

    def predicting(self, profile: Profile) -> FitProblem:
        """The same, with latency predicted from a profile of the device."""
        return replace(self, predictor=Predictor(profile))

    def measurer(self, say: Callable[[str], None]) -> Measure | None:
        """What measures; None where nothing is to be, or the device is elsewhere."""
        if self.device is None:
            return self.measure
        return self.measure or measurer_for(self.device, self.request.engine, say)

    @property
    def base(self) -> Genotype:
        """The network that grows, with the classes of the data."""
        return adapt(self.request.genotype, classes=self.classes)

    def growth(self, milliseconds: Callable[[Genotype], float] | None = None) -> Growth:
        """How it grows; `milliseconds` is the cost under latency."""
        r = self.request
        if milliseconds is not None:
            return Growth(self.base, r.divisor, milliseconds, self.side, FAR)
        return Growth(self.base, r.divisor, lambda g: float(cost(g).macs), self.side)

    def side(self, wanted: float) -> int:
        """The input side nearest to `wanted` that trains at a whole number of pixels (`proxy_input`)."""
        if max(self.base.input[1:]) <= SMALL:
            return max(SMALLEST, round(wanted))
        train_size = self.request.recipe.train_size
        pixels = max(SMALLEST, round(wanted * train_size / REFERENCE))
        return round(pixels * REFERENCE / train_size)

    def training(self, g: Genotype, folder: str, seed: int = 0) -> TrainTask:
        return train_task(self.request, g, folder, seed, self.plugins)


def prepare_fit(request: FitConfig, device: Device | None = None) -> FitProblem:
    """Load what the request names; the predictor comes later, since profiling takes longest.

    Raises:
        NasbenchError: an unknown data set, a network that cannot be, or a machine that lacks what a trial asks for.
    """
    check_room(request.engine, request.workers)
    images = load_images(request.data, Path(request.data_root) if request.data_root else None, size=request.recipe.decoded_size)
    train_images = int(len(images.train) * (1 - VALIDATION))
    task = FitProblem(request, len(images.classes), train_images, fingerprint(images), device, plugins=loaded_plugins())
    cost(task.base)  # say now what is wrong with it
    return task
