"""One trial: its record, the words for its status, and the rules that turn an evaluator's result into an Optuna state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from nasbench.genotype import Genotype

# `ok` was evaluated and is inside every limit; `infeasible` breaks a limit that shows only when the network is built or trained;
# `over_budget` was refused by the limits before any evaluation; `diverged` lost its loss; `failed` died or had an impossible result;
# `duplicate` repeats the network of an earlier trial and has its result; `skipped` still waited when the search ended;
# `stopped` was trained up to a rung of successive halving and not promoted.
STATUSES = ("ok", "infeasible", "over_budget", "diverged", "failed", "duplicate", "skipped", "stopped")
RUNNING = "running"
PAUSED = "paused"  # waits at a rung; it may still be promoted

# User attributes with a field of their own in `Trial`; every other one goes to `Trial.more`.
_FIELDS = (
    "accuracy", "latency_ms", "macs", "params_count", "reward", "seconds", "reason", "duplicate_of", "parent", "seed", "digest", "genotype",
    "epochs", "rungs",
)  # fmt: skip
_RESERVED = frozenset({"status", "values", "constraints", "digest", "genotype", "seed", "parent", "duplicate_of", "number", "rungs"})


@dataclass(frozen=True)
class Trial:
    """One trial as stored, in plain data.

    Attributes:
        status: `running`, `paused` or one of `STATUSES`.
        genotype: YAML; empty for a trial that another program added.
        params: the values that the strategy chose, by parameter.
        values: what the strategy optimises, in the order of the phase's directions; None without a result.
        constraints: by name; above zero is violated, and by how much.
        accuracy: after `epochs` passes over the training images.
        latency_ms: milliseconds; seconds: what the trial cost.
        rungs: the rungs of successive halving at which it paused: epoch, accuracy, values and seconds of each.
        duplicate_of, parent: trial numbers of the same phase.
        seed: its own, the same after any restart.
        started, finished: local time; they may jump with the clock, `seconds` does not.
    """

    phase: str
    number: int
    status: str
    digest: str = ""
    genotype: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    values: tuple[float, ...] | None = None
    constraints: Mapping[str, float] = field(default_factory=dict)
    accuracy: float | None = None
    latency_ms: float | None = None
    macs: int | None = None
    params_count: int | None = None
    reward: float | None = None
    seconds: float | None = None
    epochs: int | None = None
    rungs: Sequence[Mapping[str, Any]] = ()
    reason: str | None = None
    duplicate_of: int | None = None
    parent: int | None = None
    seed: int | None = None
    started: datetime | None = None
    finished: datetime | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def network(self) -> Genotype:
        """The genotype, read from its YAML once."""
        return Genotype.from_yaml(self.genotype)

    @property
    def passed(self) -> int:
        """The epoch of the last rung that it has passed; 0 before the first, and without rungs."""
        return int(self.rungs[-1]["epoch"]) if self.rungs else 0

    @property
    def feasible(self) -> bool:
        """Whether it has values and breaks no limit; fronts and winners are chosen from such trials."""
        return self.values is not None and all(v <= 0 for v in self.constraints.values())

    @property
    def reached(self) -> tuple[float, tuple[float, ...]] | None:
        """How far it was trained within every limit, in epochs (infinite: to the end), and its values there; None if it was not."""
        if self.feasible and self.values is not None and self.status == "ok":
            return math.inf, self.values
        if self.status in (PAUSED, "stopped") and self.rungs:
            return float(self.rungs[-1]["epoch"]), tuple(self.rungs[-1]["values"])
        return None


def read_trial(phase: str, frozen: FrozenTrial) -> Trial:
    """An Optuna trial as a record; also one that another program added to the study."""
    attrs = frozen.user_attrs
    foreign = {TrialState.COMPLETE: "ok", TrialState.PRUNED: "infeasible", TrialState.FAIL: "failed"}
    status = attrs.get("status") or foreign.get(frozen.state, RUNNING)
    return Trial(
        phase=phase,
        number=frozen.number,
        status=status,
        params=dict(frozen.params),
        values=tuple(frozen.values) if frozen.state == TrialState.COMPLETE else None,
        constraints=dict(frozen.constraints),
        started=frozen.datetime_start,
        finished=None if status in (RUNNING, PAUSED) else frozen.datetime_complete,
        more={k: v for k, v in attrs.items() if k not in _FIELDS and k != "status"},
        **{k: attrs[k] for k in _FIELDS if k in attrs},
    )


class Verdict(NamedTuple):
    """An evaluation's result in Optuna's terms; `attrs` holds `status`, `reason` and everything else that is stored, as JSON data."""

    state: TrialState
    values: list[float] | None
    constraints: dict[str, float]
    attrs: dict[str, Any]


def judge(record: object, objectives: int) -> Verdict:
    """The verdict on a trial's record; any record gets one, so that no trial is left running.

    `record` has `status`, and `values` (one finite number per objective) where there is a result; `constraints` by
    name, above zero where violated; anything else is stored beside them. NaN, infinity, None, a missing or a wrong
    number of values make a failure with the reason; values with a violated constraint make an infeasible trial.
    """
    if not isinstance(record, Mapping):
        return _failure({}, f"the result of a trial is a mapping; got {record!r}")
    attrs = {str(k): plain(v) for k, v in record.items() if k not in _RESERVED}
    status = record.get("status")
    if status not in STATUSES:
        return _failure(attrs, f"a trial's status is one of {', '.join(STATUSES)}; got {status!r}")
    if status in ("diverged", "failed"):
        return Verdict(TrialState.FAIL, None, {}, attrs | {"status": status, "reason": attrs.get("reason") or "no reason was given"})
    limits = record.get("constraints") or {}
    constraints = _numbers(limits, infinite=True) if isinstance(limits, Mapping) else f"got {limits!r}"
    if isinstance(constraints, str):
        return _failure(attrs, f"a constraint is a number; {constraints}")
    stated = record.get("values")
    if stated is None and status != "ok":
        # A sampler learns to stay away from a violated constraint, so there must be one.
        if not any(v > 0 for v in constraints.values()):
            constraints[status] = 1.0
        return Verdict(TrialState.PRUNED, None, constraints, attrs | {"status": status})
    if not isinstance(stated, Sequence) or isinstance(stated, str):
        return _failure(attrs, f"a finished trial has {objectives} finite values; got {stated!r}")
    values = _numbers(dict(enumerate(stated)), infinite=False)
    if isinstance(values, str) or len(values) != objectives:
        return _failure(attrs, f"a finished trial has {objectives} finite values; got {list(stated)!r}")
    violated = any(v > 0 for v in constraints.values())
    if status in ("infeasible", "over_budget") and not violated:
        constraints[status] = 1.0
    if status == "ok" and violated:
        status = "infeasible"
    return Verdict(TrialState.COMPLETE, list(values.values()), constraints, attrs | {"status": status})


def _failure(attrs: dict[str, Any], reason: str) -> Verdict:
    given = attrs.get("reason")
    return Verdict(TrialState.FAIL, None, {}, attrs | {"status": "failed", "reason": f"{reason} ({given})" if given else reason})


def _numbers(items: Mapping[Any, Any], *, infinite: bool) -> dict[Any, float] | str:
    """The items as floats, or what is wrong with the first that is none."""
    numbers = {}
    for key, item in items.items():
        value = plain_number(item)
        if value is None or math.isnan(value) or (math.isinf(value) and not infinite):
            return f"{key} is {item!r}"
        numbers[key] = value
    return numbers


def plain_number(value: Any) -> float | None:
    """A float from a Python or numpy number, or a tensor of one element; None from anything else."""
    if isinstance(value, str | bytes | bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def plain(value: Any) -> Any:
    """JSON data from whatever a worker told: numpy numbers become Python's, NaN and infinity None, the unknown its text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if not isinstance(value, float) and hasattr(value, "item") and getattr(value, "size", 1) == 1:
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return repr(value)
