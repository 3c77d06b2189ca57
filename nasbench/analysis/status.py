"""How far a study is: counts, the best network so far, pace and the time left, read from its files."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import median
from typing import Any

from nasbench.evaluate.measure import ACCURACY, measure_of, show
from nasbench.study.activity import Activity
from nasbench.study.trial import Trial

PHASES = ("search", "random", "final")
RECENT = 10  # trainings from which the pace is computed


@dataclass(frozen=True)
class Best:
    """The best network of a phase: the trial's number, its accuracy (a share, or the score that `measure` names) and its latency."""

    number: int
    accuracy: float
    latency_ms: float | None
    measure: str = ACCURACY


@dataclass(frozen=True)
class StudyState:
    """One moment of a study.

    Attributes:
        driver: The process that works on the study (pid, host, start), or None.
        finished: Whether the final round has ended.
        counts: The number of trials by phase and status.
        best: The best network within every limit, by phase. The final round is left out, since it also trains known networks.
        planned: The number of trainings by phase, where it is known.
        trained: The number of trainings so far.
        seconds: The time of these trainings, summed over workers.
        per_hour: Trainings an hour, from the last few; None before the second one, or while no driver works.
        left_s: The estimated time to the end of the study; None where it is not known.
        last: The newest trial and its result, in words.
        activity: What the driver does now, in words: the part of its work, and what it waits for; empty while no driver works.
    """

    driver: Mapping[str, object] | None
    finished: bool
    counts: Mapping[str, Mapping[str, int]]
    best: Mapping[str, Best]
    planned: Mapping[str, int]
    trained: int
    seconds: float
    per_hour: float | None
    left_s: float | None
    last: str
    activity: str = ""

    @property
    def progress(self) -> str:
        """Whether the study is finished, in words."""
        if self.finished:
            return "finished"
        return "in progress" if self.driver else "not finished: `nasbench resume` continues it"

    def counts_text(self, phase: str) -> str:
        """The trials of a phase: `18 ok, 1 skipped`."""
        return ", ".join(f"{n} {status}" for status, n in sorted(self.counts[phase].items()))

    def best_text(self, phase: str) -> str:
        """The best trial of a phase: `79.6% at 13.1 ms (search 13)`; empty without one."""
        best = self.best.get(phase)
        if best is None:
            return ""
        at = f" at {best.latency_ms:.1f} ms" if best.latency_ms is not None else ""
        return f"{show(best.accuracy, best.measure)}{at} ({phase} {best.number})"

    def to_json(self) -> dict[str, Any]:
        driver = {k: str(v) for k, v in self.driver.items()} if self.driver else None
        data = asdict(self) | {"driver": driver}
        for best in data["best"].values():
            if best["measure"] == ACCURACY:
                del best["measure"]  # scripts know it without
        return data


def study_state(
    records: Sequence[Trial],
    command: Mapping[str, Any],
    plan: Mapping[str, Any],
    driver: Mapping[str, object] | None,
    finished: bool,
    now: float | None = None,
    activity: Activity | None = None,
) -> StudyState:
    """The state of a study, as `Study.state` gives it.

    Args:
        records: all trials.
        command, plan, driver: see `Study`.
        finished: whether the final round has ended.
        now: seconds since the epoch; default: the current time.
        activity: what the driver last said that it does.
    """
    now = time.time() if now is None else now
    counts: dict[str, Counter[str]] = {}
    for t in records:
        counts.setdefault(t.phase, Counter())[t.status] += 1
    order = sorted(counts, key=lambda p: (PHASES.index(p) if p in PHASES else len(PHASES), p))
    searching = [t for t in records if t.phase in PHASES[:2]]
    trained = [t for t in records if t.seconds]  # refused and repeated trials take no time
    planned = {"final": int(plan["final_runs"])} if "final_runs" in plan else {}
    if "trials" in plan and command.get("trials") is not None:
        planned |= {"search": int(plan["trials"]), "random": _random_trials(plan)}
    best = {phase: trial for phase in order if phase != "final" and (trial := _best(records, phase))}
    return StudyState(
        driver=driver,
        finished=finished,
        counts={phase: dict(counts[phase]) for phase in order},
        best=best,
        planned=planned,
        trained=len(trained),
        seconds=sum(t.seconds or 0.0 for t in trained),
        per_hour=_pace(trained, now) if driver else None,
        left_s=_left(searching, command, plan, driver, now) if driver else None,
        last=_last(records),
        activity=str(activity) if driver and activity else "",
    )


def _best(records: Sequence[Trial], phase: str) -> Best | None:
    candidates = [t for t in records if t.phase == phase and t.status == "ok" and t.accuracy is not None]
    best = max(candidates, key=lambda t: (t.reward if t.reward is not None else t.accuracy or 0.0, -t.number), default=None)
    if best is None or best.accuracy is None:
        return None
    return Best(best.number, best.accuracy, best.latency_ms, measure_of(best.more))


def _pace(trained: Sequence[Trial], now: float) -> float | None:
    """Trainings an hour since the first of the last few ended."""
    ends = sorted(t.finished.timestamp() for t in trained if t.finished)[-RECENT:]
    return 3600 * (len(ends) - 1) / (now - ends[0]) if len(ends) > 1 and now > ends[0] else None


def _left(
    trials: Sequence[Trial], command: Mapping[str, Any], plan: Mapping[str, Any], driver: Mapping[str, object], now: float
) -> float | None:
    """The time left, computed as the driver does it.

    With a time limit: that limit less the time of earlier drivers' trials and of this driver. With a number of trials: the time of the
    trainings that are still to be done.
    """
    try:
        began = datetime.fromisoformat(str(driver["start"])).timestamp()
        workers = int(command["workers"])
        if command.get("trials") is None:
            before = sum(t.seconds or 0.0 for t in trials if t.finished and t.finished.timestamp() < began) / workers
            return max(0.0, float(command["time_s"]) - before - (now - began))
        training_s = median([t.seconds for t in trials if t.seconds] or [float(plan["seconds_per_trial"])])
        done = sum(bool(t.seconds) for t in trials)
        return (int(plan["trials"]) + _random_trials(plan) - done + int(plan["final_runs"])) * training_s / workers
    except (KeyError, TypeError, ValueError):  # a study without a plan yet, or of another kind
        return None


def _last(records: Sequence[Trial]) -> str:
    done = [t for t in records if t.finished is not None]
    newest = max(done, key=lambda t: t.finished.timestamp() if t.finished else 0.0, default=None)
    if newest is None:
        return ""
    if newest.accuracy is not None:
        at = f" at {newest.latency_ms:.1f} ms" if newest.latency_ms is not None else ""
        return f"{newest.phase} {newest.number}: {show(newest.accuracy, measure_of(newest.more))}{at}"
    return f"{newest.phase} {newest.number}: {newest.status}{f' ({newest.reason})' if newest.reason else ''}"


def _random_trials(plan: Mapping[str, Any]) -> int:
    """Planned trials of random search; plans of version 0.1 do not name them, and have as many as for the search."""
    return int(plan.get("random_trials", plan["trials"]))
