"""One trial: what is stored of it, its status, and the rules that turn an evaluator's result into an Optuna state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from nasbench.genotype import Genotype

# The status of a trial that has ended.
#   ok           It was evaluated and is within every limit.
#   infeasible   It breaks a limit that shows only when the network is built or trained, or it needs more time or memory than there is.
#   over_budget  The limits refused it before any evaluation.
#   diverged     Its loss became infinite or NaN.
#   failed       Its process crashed, or its result was impossible; nothing is learned from it.
#   duplicate    Its network is that of an earlier trial, whose result it has.
#   skipped      It was still waiting for its evaluation when the search ended.
#   stopped      It was trained up to a rung of successive halving and was not promoted.
STATUSES = ("ok", "infeasible", "over_budget", "diverged", "failed", "duplicate", "skipped", "stopped")
RUNNING = "running"
FINAL = "final"  # the phase of the final round
PAUSED = "paused"  # the trial waits at a rung and may be promoted

# User attributes that have a field in `Trial`. All others are in `Trial.more`.
_FIELDS = (
    "accuracy", "latency_ms", "macs", "params_count", "reward", "seconds", "reason", "duplicate_of", "parent", "seed", "digest", "genotype",
    "epochs", "rungs", "draw",
)  # fmt: skip
_RESERVED = frozenset(
    {"status", "values", "constraints", "digest", "genotype", "seed", "parent", "duplicate_of", "number", "rungs", "draw"}
)


@dataclass(frozen=True)
class Trial:
    """One trial as it is stored, in plain data.

    Attributes:
        status: `running`, `paused` or one of `STATUSES`.
        genotype: the network as YAML; empty for a trial that another program added.
        params: the value of each parameter, chosen by the strategy.
        values: the objectives, in the order of the phase's directions; None without a result.
        constraints: the excess over each limit by name; a limit is violated when it is above zero.
        accuracy: share of the validation images that are classified correctly, after `epochs` passes over the training images.
        latency_ms: latency in milliseconds.
        seconds: time that the evaluation took.
        rungs: the rungs of successive halving at which the trial paused, each with epoch, accuracy, values and seconds.
        duplicate_of, parent: numbers of other trials of the phase.
        seed: the trial's own seed, which is the same after any restart.
        draw: 0 for a network's first training, in the search; 1, 2, ... for those of a final round, which have seeds and validation images
            in common with the same draw of other networks. A final round of version 0.1 has no such numbers: 0.
        started, finished: local time of the clock, which may jump; `seconds` does not.
        more: all other results.
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
    draw: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def network(self) -> Genotype:
        """The genotype, which is read from its YAML once."""
        return Genotype.from_yaml(self.genotype)

    @property
    def passed(self) -> int:
        """The epoch of the last rung that the trial has passed; 0 before the first one and without rungs."""
        return int(self.rungs[-1]["epoch"]) if self.rungs else 0

    @property
    def feasible(self) -> bool:
        """Whether the trial has values and violates no limit. Fronts and winners are chosen from such trials."""
        return self.values is not None and all(v <= 0 for v in self.constraints.values())

    @property
    def reached(self) -> tuple[float, tuple[float, ...]] | None:
        """The epochs that a trial within every limit was trained (infinite: to the end) and its values there; None for others."""
        if self.feasible and self.values is not None and self.status == "ok":
            return math.inf, self.values
        if self.status in (PAUSED, "stopped") and self.rungs:
            return float(self.rungs[-1]["epoch"]), tuple(self.rungs[-1]["values"])
        return None


def read_trial(phase: str, frozen: FrozenTrial) -> Trial:
    """The trial that Optuna stored. It may also be one that another program added to the study."""
    attrs = frozen.user_attrs
    by_state = {TrialState.COMPLETE: "ok", TrialState.PRUNED: "infeasible", TrialState.FAIL: "failed"}
    stored = attrs.get("status")
    status = stored if stored and isinstance(stored, str) else by_state.get(frozen.state, RUNNING)
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
    """The result of an evaluation in Optuna's terms. `attrs` is JSON data: `status`, `reason` and everything else that is stored."""

    state: TrialState
    values: list[float] | None
    constraints: dict[str, float]
    attrs: dict[str, Any]


def judge(record: object, objectives: int) -> Verdict:
    """The verdict on the record of a trial. Every record gets one, so that no trial stays running.

    A record whose values are missing, too many, too few or not finite becomes a failure with a reason. An `ok` trial that violates
    a constraint becomes infeasible.

    Args:
        record: a mapping with `status`; `values`, one finite number for each objective, if there is a result; `constraints` by
            name, which are violated above zero; and any other results.
        objectives: how many values a result has.

    Example:
        >>> judge({"status": "ok", "values": [0.9], "constraints": {"latency": 0.1}}, 1).attrs
        {'status': 'infeasible'}
    """
    if not isinstance(record, Mapping):
        return _failure({}, f"the result of a trial is a mapping; got {record!r}")
    attrs = {str(k): plain(v) for k, v in record.items() if k not in _RESERVED}
    status = record.get("status")
    if status not in STATUSES:
        return _failure(attrs, f"a trial's status is one of {', '.join(STATUSES)}; got {status!r}")
    if status in ("diverged", "failed"):
        attrs["reason"] = attrs.get("reason") or "no reason was given"
    if status == "failed":
        return Verdict(TrialState.FAIL, None, {}, attrs | {"status": status})
    limits = record.get("constraints") or {}
    constraints = _numbers(limits, infinite=True) if isinstance(limits, Mapping) else f"got {limits!r}"
    if isinstance(constraints, str):
        return _failure(attrs, f"a constraint is a number; {constraints}")
    objective_values = None if status == "diverged" else record.get("values")
    if objective_values is None and status != "ok":
        # Samplers learn to avoid violated constraints, so there must be one.
        if not any(v > 0 for v in constraints.values()):
            constraints[status] = 1.0
        return Verdict(TrialState.PRUNED, None, constraints, attrs | {"status": status})
    if not isinstance(objective_values, Sequence) or isinstance(objective_values, str):
        return _failure(attrs, f"a finished trial has {objectives} finite values; got {objective_values!r}")
    values = _numbers(dict(enumerate(objective_values)), infinite=False)
    if isinstance(values, str) or len(values) != objectives:
        return _failure(attrs, f"a finished trial has {objectives} finite values; got {list(objective_values)!r}")
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
    """The items as floats, or a text about the first one that is not a number."""
    numbers = {}
    for key, item in items.items():
        value = plain_number(item)
        if value is None or math.isnan(value) or (math.isinf(value) and not infinite):
            return f"{key} is {item!r}"
        numbers[key] = value
    return numbers


def plain_number(value: Any) -> float | None:
    """A Python or numpy number, or a tensor of one element, as a float; None for anything else."""
    if isinstance(value, str | bytes | bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def plain(value: Any) -> Any:
    """Any value as JSON data: numpy numbers become Python's, NaN and infinity become None, unknown objects become their text."""
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
