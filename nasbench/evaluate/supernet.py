"""The evaluator `supernet`: one training of shared weights, after which the accuracy of any network of the space takes a moment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nasbench.errors import GenotypeError, StudyError, first_line
from nasbench.evaluate.base import (
    WAITED,
    EvaluateAll,
    Evaluation,
    EvaluationContext,
    EvaluationData,
    Evaluator,
    ExpectedSeconds,
    Fidelity,
    WorkerData,
    evaluator,
)
from nasbench.evaluate.failures import is_out_of_memory
from nasbench.evaluate.measure import SUPERNET_ACCURACY
from nasbench.evaluate.preparation import Preparation
from nasbench.evaluate.train import TrainEvaluator
from nasbench.genotype import Genotype
from nasbench.spaces import load_space
from nasbench.supernet.largest import largest_network
from nasbench.supernet.plan import CALIBRATION
from nasbench.training.recipe import Recipe

FOLDER = "supernet"  # in the study
NETWORKS = 200  # of the pool that learns, by default: with more, each is compiled anew more often than it learns
VALIDATION = 1000  # images, by default
STARTING_S = 0.3  # to build a network and read its slices
LONG_S = 0.5  # a longer wait for the measuring lock is part of the record


@evaluator
class SupernetEvaluator(Evaluator):
    """Scores networks with their slices of shared weights, and trains those of the final round alone, as `train` does.

    The `Evaluation.measure` of a search's trial is `supernet accuracy`: it ranks networks, and is not what a network reaches
    alone.

    Args:
        supernet_steps: of the training of the shared weights; None lets the time decide, see `preparing_share`.
        networks: of the space, within the limits, that learn.
        batch, rate: images of each network in a step, and the highest learning rate.
        sampling, distillation, sharing: see `SupernetPlan`; `sharing` is its `context`, separated by commas.
        validation: images on which a network is scored.
        calibration: training images from which the statistics of its batch norms are computed.

    Raises:
        StudyError: an impossible value.
    """

    name = "supernet"
    modules = ("torch", "nasbench.evaluate.train_task", "nasbench.supernet.scoring")
    preparing_share = 0.35
    trains_finalists = True

    def __init__(
        self,
        context: EvaluationContext,
        supernet_steps: int | None = None,
        networks: int = NETWORKS,
        batch: int = 64,
        rate: float = 0.05,
        sampling: str = "uniform",
        distillation: float = 0.0,
        sharing: str = "",
        validation: int = VALIDATION,
        calibration: int = CALIBRATION,
    ) -> None:
        for name, value, low in (
            ("steps", supernet_steps, 1),
            ("networks", networks, 1),
            ("validation", validation, 1),
            ("calibration", calibration, 0),
        ):
            if value is not None and (type(value) is not int or value < low):
                raise StudyError(f"the supernet's {name} is a whole number from {low}; got {value!r}")
        self.context, self.steps, self.networks = context, supernet_steps, networks
        self.validation, self.calibration = validation, calibration
        self.fields: dict[str, Any] = {
            "batch_size": batch,
            "lr": rate,
            "sampling": sampling,
            "distillation": distillation,
            "context": tuple(filter(None, sharing.split(","))),
            "seed": context.split_seed,
        }
        self.folder: str | None = None
        self.prepared_s = 0.0

    @property
    def data(self) -> EvaluationData:
        return self._train.data

    @property
    def _train(self) -> TrainEvaluator:
        """What trains networks alone, with the same images and recipe."""
        return TrainEvaluator(self.context)

    def prepare_study(self, preparation: Preparation) -> Evaluator:
        """Train the shared weights, or go on with their training."""
        from nasbench.supernet.prepare import SupernetWork, prepare_supernet

        folder = preparation.directory / FOLDER
        context = self.context
        work = SupernetWork(
            folder=str(folder),
            data=context.data,
            data_root=context.data_root,
            recipe=dict(context.recipe),
            split_seed=context.split_seed,
            device=context.device,
            validation=self.validation,
            plan=self.fields,
            steps=self.steps,
            seconds=preparation.seconds,
        )
        cores = 1 if context.device != "cpu" else preparation.workers * context.threads

        def largest() -> Genotype:
            return largest_network(load_space(context.space).decode)

        self.prepared_s = prepare_supernet(work, cores, lambda: preparation.networks(self.networks), largest, preparation.listener)
        self.folder = str(folder)
        return self

    def evaluate(self, genotype: Genotype, fidelity: Fidelity, seed: int, directory: Path) -> Evaluation:
        if fidelity.final:
            return self._train.evaluate(genotype, fidelity, seed, directory)
        began = time.perf_counter()
        try:
            found, waited_s = self._score(genotype)
        except GenotypeError as error:
            return self._infeasible(f"cannot be built to be scored: {first_line(error)}", began)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return self._infeasible(f"out of memory while it was scored: {first_line(error)}", began)
        details = {"loss": found.loss, **({WAITED: waited_s} if waited_s > LONG_S else {})}
        seconds = time.perf_counter() - began - waited_s
        return Evaluation(accuracy=found.accuracy, measure=SUPERNET_ACCURACY, seconds=seconds, details=details)

    def cost(self, networks: Sequence[Genotype], evaluate_all: EvaluateAll) -> list[ExpectedSeconds]:
        """Expected seconds of a training alone: those of a score do not depend on the supernet's training, and are soon measured."""
        return self._train.cost(networks, evaluate_all)

    def seconds_of_trial(self, training_s: float) -> float:
        """A step of a training takes about as long as three passes without gradients."""
        recipe = Recipe.from_dict(dict(self.context.recipe))
        training = self.data.training
        trained = min(recipe.images or training, training) * recipe.epochs
        return STARTING_S + training_s * (self.validation + self.calibration) / (3 * trained)

    def worker_data(self) -> WorkerData:
        return self._train.worker_data()

    def _score(self, genotype: Genotype) -> tuple[Any, float]:
        """What the supernet says, and the seconds that were waited for the machine."""
        import torch

        from nasbench.latency import machine_lock
        from nasbench.supernet.stored import load_supernet

        if self.folder is None:
            raise StudyError("a supernet scores networks once it is trained; call prepare_study first")
        torch.set_num_threads(self.context.threads)
        supernet = load_supernet(Path(self.folder), self.context.device)
        began = time.perf_counter()
        with machine_lock(shared=True):  # no latency is measured meanwhile
            waited_s = time.perf_counter() - began
            return supernet.score(genotype, calibration=self.calibration), waited_s

    def _infeasible(self, reason: str, began: float) -> Evaluation:
        return Evaluation(status="infeasible", reason=reason, seconds=time.perf_counter() - began)
