"""The shapes of what `study.yaml`, `plan.json` and `summary.json` hold. They are checked when a file is read, so that nothing else need be.

Only what is read is listed, and further entries are allowed, so that studies of other versions stay readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError

from nasbench.errors import StudyError, first_fault

LARGEST = 10**18
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Positive = Annotated[FiniteFloat, Field(gt=0, le=1e15)]
Number = Annotated[FiniteFloat, Field(ge=-1e15, le=1e15)]
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]


class _Stored(BaseModel):
    model_config = ConfigDict(strict=True)


_ABSENT: Any = None  # the default of fields that some versions do not write, and none writes as null: null is damage


class Command(_Stored):
    """The command of a search or of a scaling fit."""

    kind: str | None = None
    space: str | None = None
    network: str | None = None
    genotype: str | None = None
    cost: str | None = None
    latency_ms: Positive | None = None
    macs: Count | None = None
    params: Count | None = None
    memory_bytes: Count | None = None
    size_bytes: Count | None = None
    data: str | None = None
    data_root: str | None = None
    images: str | None = None
    evaluator: str | None = None
    evaluator_options: dict[str, Any] = {}
    strategy: str | None = None
    options: dict[str, Any] = {}
    reward: str | None = None
    seed: int | None = None
    trials: Count | None = None
    control: str | None = None
    final_seeds: Count | None = None
    known: list[str] = []
    device: str | None = None
    device_choice: dict[str, Any] | None = None
    recipe: dict[str, Any] = {}
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    time_s: Positive | None = None
    train_s: Positive | None = None
    engine: dict[str, Any] = {}
    plugins: Any = {}  # see `nasbench.study.plugins`, which checks it before it loads any
    reuse: str | None = None
    rungs: list[Annotated[int, Field(ge=1, le=LARGEST)]] = []
    eta: Count | None = None


class PlanNumbers(_Stored):
    """What the status of a study reads of a plan."""

    trials: Count = _ABSENT
    random_trials: Count = _ABSENT
    final_runs: Count = _ABSENT
    seconds_per_trial: Number = _ABSENT


class SummaryRow(_Stored):
    """A network of the final round."""

    network: str
    winner: bool
    accuracy: Share
    accuracy_seeds: Annotated[list[Share], Field(min_length=1)] | None = None
    expected_accuracy: Number | None = None
    test_accuracy: Share | None = None
    latency_ms: Number | None = None  # where nothing asked for latencies
    latency_low_ms: Number | None = None
    latency_high_ms: Number | None = None
    measured: bool = True
    macs: Count = 0
    params: Count = 0
    digest: str = ""
    exceeded: list[str] = []


class ScoreRow(SummaryRow):
    """The same where an evaluator gave scores, which are no shares."""

    accuracy: Number
    accuracy_seeds: Annotated[list[Number], Field(min_length=1)] | None = None


class StoredComparison(_Stored):
    """The delivered network against another."""

    name: str
    difference: Number
    low: Number
    high: Number
    evaluated: Count = 0
    networks: Count = 0


class StoredAgreement(_Stored):
    """How well the short training ranks networks."""

    tau: Number
    low: Number
    high: Number
    networks: Count
    times: Number


class StoredVerdict(_Stored):
    """What a search was worth."""

    best_probability: Share
    expected_loss: Number
    random: StoredComparison | None
    known: StoredComparison | None
    ranking: StoredAgreement | None = None


T = TypeVar("T")
COMMAND, PLAN, SUMMARY, SCORES = TypeAdapter(Command), TypeAdapter(PlanNumbers), TypeAdapter(list[SummaryRow]), TypeAdapter(list[ScoreRow])
VERDICT = TypeAdapter(StoredVerdict | None)
_OF_ACCURACIES = ("train", "table")  # evaluators that give shares; others may give scores


def summary_shape(command: Mapping[str, Any]) -> TypeAdapter[Any]:
    """What `summary.json` holds in a study of this command."""
    return SUMMARY if command.get("evaluator", "train") in _OF_ACCURACIES else SCORES


def check_stored(shape: TypeAdapter[Any], data: T, file: Path, advice: str) -> T:
    """The same data, whose shape is what the file should hold.

    Raises:
        StudyError: it is not. The message names the first entry that is wrong.
    """
    try:
        shape.validate_python(data)
    except ValidationError as error:
        raise StudyError(f"{file} is damaged: {first_fault(error)}; {advice}") from None
    return data
