"""The evaluator `zero-cost`: a score of the network at initialisation instead of an accuracy."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

from nasbench.errors import GenotypeError, StudyError, first_line, nearest
from nasbench.evaluate.base import WAITED, Evaluation, EvaluationContext, EvaluationData, Evaluator, Fidelity, WorkerData, evaluator
from nasbench.evaluate.failures import is_out_of_memory
from nasbench.evaluate.train import TrainEvaluator
from nasbench.evaluate.zero_cost.proxies import PROXIES
from nasbench.genotype import Genotype, cost
from nasbench.training.recipe import Recipe

LONG_S = 0.5  # a longer wait for the measuring lock is part of the record


@evaluator
class ZeroCostEvaluator(Evaluator):
    """Scores networks without training them.

    The data are those of the evaluator `train`, and only training images are read. `Evaluation.accuracy` holds the score, which is not a
    share, and `Evaluation.measure` its name.

    Args:
        proxy: a name in `PROXIES`.
        repeats: draws of weights and images over which the score is averaged.
        batch: images of a draw.

    Raises:
        StudyError: an unknown proxy, or an impossible number.
    """

    name = "zero-cost"
    modules = ("torch", "nasbench.evaluate.zero_cost.score")
    measures_accuracy = False

    def __init__(self, context: EvaluationContext, proxy: str, repeats: int = 3, batch: int = 64) -> None:
        if proxy not in PROXIES:
            raise StudyError(f"--proxy is one of {', '.join(PROXIES)}; got {proxy!r}{nearest(proxy, PROXIES)}")
        for option, value, low, high in (("repeats", repeats, 1, 1000), ("batch", batch, 2, 4096)):
            if type(value) is not int or not low <= value <= high:
                raise StudyError(f"{option} is a whole number from {low} to {high}; got {value!r}")
        self.context, self.proxy, self.repeats, self.batch = context, proxy, repeats, batch

    @property
    def data(self) -> EvaluationData:
        return replace(self._train.data, training=0, validation=0)

    @property
    def _train(self) -> TrainEvaluator:
        """It has the same images."""
        return TrainEvaluator(self.context)

    def evaluate(self, genotype: Genotype, fidelity: Fidelity, seed: int, directory: Path) -> Evaluation:
        proxy, began = PROXIES[self.proxy], time.perf_counter()
        waited_s = 0.0
        try:
            if proxy.function:
                values, waited_s = self._draw(genotype, seed)
            else:
                counted = cost(genotype)
                values = [float(counted.macs if self.proxy == "macs" else counted.params)]
        except GenotypeError as error:
            return self._infeasible(f"cannot be built to be scored: {first_line(error)}", began)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return self._infeasible(f"out of memory while scoring {self.batch} images: {first_line(error)}", began)
        score = sum(map(_log, values) if proxy.log else values) / len(values)
        if not math.isfinite(score):
            return self._infeasible(f"{self.proxy} has no value for this network; it is {values[0]:g}", began)
        details = {"scores": values, **({WAITED: waited_s} if waited_s > LONG_S else {})}
        measure = f"log {self.proxy}" if proxy.log else self.proxy
        return Evaluation(accuracy=score, measure=measure, seconds=time.perf_counter() - began - waited_s, details=details)

    def worker_data(self) -> WorkerData:
        return self._train.worker_data()

    def _draw(self, genotype: Genotype, seed: int) -> tuple[list[float], float]:
        """The values of several draws, and the seconds that were waited for the machine."""
        import torch

        from nasbench.evaluate.zero_cost.score import draw_scores
        from nasbench.latency import machine_lock
        from nasbench.training.data import load_images
        from nasbench.training.images import training_and_validation

        context = self.context
        recipe = Recipe.from_dict(dict(context.recipe))
        images = load_images(context.data, Path(context.data_root) if context.data_root else None, size=recipe.decoded_size)
        training, _ = training_and_validation(images, seed=context.split_seed)
        torch.set_num_threads(context.threads)
        began = time.perf_counter()
        with machine_lock(shared=True):  # no latency is measured meanwhile
            waited_s = time.perf_counter() - began
            values = draw_scores(
                genotype, PROXIES[self.proxy], training, len(images.classes), recipe,
                seed=seed, repeats=self.repeats, batch=self.batch, device=context.device,
            )  # fmt: skip
        return values, waited_s

    def _infeasible(self, reason: str, began: float) -> Evaluation:
        return Evaluation(status="infeasible", reason=reason, seconds=time.perf_counter() - began)


def _log(value: float) -> float:
    return math.log(value) if 0 < value < math.inf else math.nan
