"""The interface of evaluators: a genotype, a fidelity and a seed in, a result out.

An evaluator answers the question "how good is this network?" for a search. `train` trains it, `table` looks it up; a plugin
adds its own with `@evaluator`:

    import nasbench as nb
    from nasbench.evaluate import Evaluation

    @nb.evaluator
    def by_size(genotype, fidelity, seed, directory):
        return Evaluation(accuracy=min(0.99, nb.cost(genotype).macs / 1e9))

Evaluations run in processes of an engine, on this machine or another. An evaluator travels there as a pickle, so it holds
only small data. Large data belongs into files, or is loaded when it is needed.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, cast, get_args

from nasbench.errors import StudyError
from nasbench.evaluate.measure import ACCURACY
from nasbench.genotype import Genotype
from nasbench.plugins import Plugin
from nasbench.registry import Registry

if TYPE_CHECKING:
    from nasbench.evaluate.preparation import Preparation

CHECKPOINT = "checkpoint.bin"  # in a trial's directory: the state from which an interrupted or paused evaluation continues

WAITED = "waited_s"  # in the details of an evaluation: seconds for which it only waited, which no plan counts

CLASSES = 10  # of networks that no data set gives a number of classes

Status = Literal["ok", "infeasible", "diverged", "failed"]


@dataclass(frozen=True)
class Fidelity:
    """How thoroughly a network is evaluated.

    Attributes:
        epochs: stop after this epoch and leave a checkpoint; a later evaluation with more epochs continues from it. None
            evaluates to the end.
        final: the evaluation belongs to the final round: the test images are used too, and the weights are stored.
        half_batch: the process of an earlier attempt was killed, perhaps because memory ran out: use half of it where that is possible.
        fold: which part of the data is kept for validation. It is 0 in a search; another training of a network has another fold.
    """

    epochs: int | None = None
    final: bool = False
    half_batch: bool = False
    fold: int = 0


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The result of one evaluation.

    Attributes:
        status: `ok`, `infeasible` (the network cannot be evaluated at all), `diverged` or `failed`. All but `ok` need a reason.
        accuracy: share of validation images that are classified correctly, 0 to 1; or a score, see `measure`. What strategies maximise.
        seconds: duration of the evaluation; simulated, if the evaluator simulates time.
        reason: one line, where there is no accuracy.
        artefacts: files that the evaluation left in the trial's directory, such as `{"weights": "weights.safetensors"}`.
        details: further JSON data that is stored with the trial.
        measure: what `accuracy` holds: `accuracy`, or the name of a score that is no share. More is better, and only the order counts.
    """

    status: Status = "ok"
    accuracy: float | None = None
    seconds: float = 0.0
    reason: str | None = None
    artefacts: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    measure: str = ACCURACY

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise StudyError(f"the status of an evaluation is one of {', '.join(get_args(Status))}; got {self.status!r}")

    def to_record(self) -> dict[str, Any]:
        """As the ledger stores it."""
        known: dict[str, Any] = {"status": self.status, "reason": self.reason, "accuracy": self.accuracy, "seconds": self.seconds}
        known |= {"measure": self.measure} if self.measure != ACCURACY else {}
        return {**known, **({"artefacts": dict(self.artefacts)} if self.artefacts else {}), **self.details}


@dataclass(frozen=True)
class EvaluationData:
    """What networks are evaluated on.

    Attributes:
        fingerprint: text that identifies the data: other data have another text. It is part of the study's identity.
        classes: number of classes.
        training: number of images that one evaluation may train on; 0 where nothing is trained.
        validation: number of images on which the accuracy is measured; 0 where it is not.
        lines: what is understood of the data, for people, a line each.
        summary: the same as plain data, for `study.yaml` and scripts.
    """

    fingerprint: str
    classes: int
    training: int = 0
    validation: int = 0
    lines: tuple[str, ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> str:
        """One line for a plan."""
        return f"{self.fingerprint}; {self.training} to train, {self.validation} to validate" if self.training else self.fingerprint


@dataclass(frozen=True, kw_only=True)
class EvaluationContext:
    """What a study tells its evaluator.

    Attributes:
        space: name or path of the searched space; empty where no space is searched (a scaling fit).
        data, data_root: the images, as `load_images` takes them.
        recipe: fields of the training recipe.
        split_seed: decides which training images are kept for validation.
        threads, device: what one evaluation may use; `device` is `cpu` or `cuda`.
        plugins: loaded in every process that evaluates.
    """

    space: str = ""
    data: str = "embedded"
    data_root: str | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    split_seed: int = 0
    threads: int = 1
    device: str = "cpu"
    plugins: tuple[Plugin, ...] = ()


class ExpectedSeconds(NamedTuple):
    """Seconds that one evaluation of a network takes. They are None if it cannot be evaluated; `reason` then says why."""

    seconds: float | None
    reason: str = ""


class Timed(NamedTuple):
    """The record of an evaluation (see `Evaluation.to_record`), and its wall time in seconds, without what it waited (`WAITED`)."""

    record: Mapping[str, Any]
    wall_s: float


class WorkerData(NamedTuple):
    """Data for a worker without access to the driver's disk: the worker calls `receive(data)` once, before its first evaluation."""

    receive: Callable[[Any], None]
    data: Any
    bytes: int


EvaluateAll = Callable[["Evaluator", Sequence[Genotype]], list[Timed]]
"""A function that evaluates networks side by side, in temporary directories, with all workers busy so that times are realistic."""


class Evaluator(Protocol):
    """Says how good networks are. Inherit from it, and override `data`, `evaluate` and what else differs.

    Attributes:
        context: what the study gives it.
        modules: modules that each evaluating process imports once; to import them must be cheap, and must not start threads or CUDA.
        evaluates_known: whether it can evaluate known networks that are not in the space; the final round compares with them.
        simulates_time: whether `Evaluation.seconds` is simulated: a time limit then counts those seconds.
        measures_accuracy: whether `Evaluation.accuracy` is a share; else it is a score, which no reward can weigh against a latency.
        preparing_share: of a search's time, what `prepare_study` may take.
        prepared_s: seconds that `prepare_study` has taken in all runs of the study.
        trains_finalists: whether an evaluation of the final round trains the network alone, while one of the search measures something
            else and takes much less time. `cost` is then that of the former.
    """

    context: EvaluationContext
    modules: tuple[str, ...] = ()
    evaluates_known: bool = True
    simulates_time: bool = False
    measures_accuracy: bool = True
    preparing_share: float = 0.0
    prepared_s: float = 0.0
    trains_finalists: bool = False

    @property
    def data(self) -> EvaluationData:
        """What it evaluates on. Part of the study's identity."""
        ...

    def prepare(self, directory: Path, evaluate_all: EvaluateAll, say: Callable[[str], None]) -> Evaluator:
        """Do the work that all trials share, before the first of them; return the evaluator that the trials use.

        It is called again whenever a study is resumed. It must then continue unfinished work; if all is done, it returns at once.

        Args:
            directory: the study's directory; shared files belong below it.
            evaluate_all: evaluates networks in the engine's workers.
            say: shows a line to the user.
        """
        return self

    def prepare_study(self, preparation: Preparation) -> Evaluator:
        """The same for work that needs networks or time, such as the training of shared weights; by default it calls `prepare`."""
        return self.prepare(preparation.directory, preparation.evaluate_all, preparation.listener.say)

    def evaluate(self, genotype: Genotype, fidelity: Fidelity, seed: int, directory: Path) -> Evaluation:
        """Evaluate one network; runs in a process of its own.

        It is called again after an interruption, and must then give the same result.

        Args:
            genotype: the network; it has the number of classes of the data, and its own input size.
            fidelity: how thoroughly to evaluate.
            seed: seed of all random numbers.
            directory: the trial's directory; results and checkpoints may be left there.

        Raises:
            NasbenchError: an error that every evaluation would meet, such as missing data or a full disk. Any exception makes the trial
                `failed`; several in a row with one reason end the search.
        """
        ...

    def cost(self, networks: Sequence[Genotype], evaluate_all: EvaluateAll) -> list[ExpectedSeconds]:
        """Seconds that evaluating each network to the end takes, for the plan. By default each is evaluated once and timed."""
        return [expected_seconds(timed) for timed in evaluate_all(self, networks)]

    def seconds_of_trial(self, training_s: float) -> float:
        """Where `trains_finalists`: the expected seconds of an evaluation of the search, from those of a training alone."""
        return training_s

    def worker_data(self) -> WorkerData | None:
        """Data that workers on other machines need, because they cannot read this machine's files; None by default."""
        return None


def expected_seconds(timed: Timed) -> ExpectedSeconds:
    """The wall time of an evaluation that succeeded, else None with the reason."""
    if timed.record.get("status") == "ok":
        return ExpectedSeconds(timed.wall_s)
    return ExpectedSeconds(None, str(timed.record.get("reason")))


EvaluatorFactory = Callable[..., Evaluator]  # (context, **options)
EVALUATORS: Registry[EvaluatorFactory] = Registry("evaluator", StudyError)


def evaluator(definition: Any) -> Any:
    """Register an evaluator under its name: a class that is made from `(context, **options)`, or a plain function.

    A function takes `(genotype, fidelity, seed, directory)` and returns an `Evaluation`. A class is registered
    under its attribute `name` if it has one, else under its own name in lower case. See docs/evaluators.md.

    Example:
        >>> @evaluator
        ... def shallow(genotype, fidelity, seed, directory):
        ...     return Evaluation(accuracy=1 / (1 + len(genotype.stages)))

    Raises:
        StudyError: the name is taken.
    """
    if inspect.isclass(definition):
        EVALUATORS.register(getattr(definition, "name", definition.__name__.lower()), cast(EvaluatorFactory, definition), definition)
    else:
        EVALUATORS.register(definition.__name__, lambda context: FunctionEvaluator(context, definition), definition)
    return definition


class FunctionEvaluator(Evaluator):
    """A plain function as an evaluator."""

    def __init__(self, context: EvaluationContext, function: Callable[..., Evaluation]) -> None:
        self.context, self._function = context, function
        # A plugin's module cannot be imported by its name; the worker loads the plugin itself.
        importable = getattr(sys.modules.get(function.__module__), "__spec__", None) is not None
        self.modules = (function.__module__,) if importable else ()

    @property
    def data(self) -> EvaluationData:
        return EvaluationData(f"no images, {self._function.__name__}", CLASSES)

    def evaluate(self, genotype: Genotype, fidelity: Fidelity, seed: int, directory: Path) -> Evaluation:
        return self._function(genotype, fidelity, seed, directory)
