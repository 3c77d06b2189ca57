"""How far a study is: counts, the best so far, pace and the time left, from its files alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import median
from typing import Any

from nasbench.analysis.study import Study
from nasbench.study.directory import FIT_FILE
from nasbench.study.trial import Trial

PHASES = ("search", "random", "final")
RECENT = 10  # trainings that tell the pace


@dataclass(frozen=True)
class Best:
    """A network of an arm: the trial's number, its accuracy (a share) and latency."""

    number: int
    accuracy: float
    latency_ms: float | None


@dataclass(frozen=True)
class StudyState:
    """One moment of a study.

    Attributes:
        driver: who works on it, or None; finished: whether its last round was held.
        counts: trials by phase and status; best: within every limit, by phase; not of the last round,
            where known networks run too.
        planned: trainings by phase, where their number is known.
        trained, seconds: trainings so far, and what they took, of one worker.
        per_hour: trainings an hour, by the last few; None before two, or while nobody works.
        left_s: until it ends, about; None where that is not known.
        last: what came of the newest trial, in words.
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

    def to_json(self) -> dict[str, Any]:
        driver = {k: str(v) for k, v in self.driver.items()} if self.driver else None
        return asdict(self) | {"driver": driver}


def study_state(study: Study, now: float | None = None) -> StudyState:
    """Where a study is at the moment; `now` is in seconds since the epoch."""
    now = time.time() if now is None else now
    records, driver, plan = study.records(), study.driver, study.plan()
    counts: dict[str, Counter[str]] = {}
    for t in records:
        counts.setdefault(t.phase, Counter())[t.status] += 1
    order = sorted(counts, key=lambda p: (PHASES.index(p) if p in PHASES else len(PHASES), p))
    arms = [t for t in records if t.phase in PHASES[:2]]
    trained = [t for t in records if t.seconds]  # what was refused or repeated took none
    planned = {"final": int(plan["final_runs"])} if "final_runs" in plan else {}
    if "trials" in plan and study.command.get("trials") is not None:
        planned |= {"search": int(plan["trials"]), "random": int(plan["trials"])}
    best = {phase: found for phase in order if phase != "final" and (found := _best(records, phase))}
    return StudyState(
        driver=driver,
        finished=bool(study.summary()) or (study.path / FIT_FILE).exists(),
        counts={phase: dict(counts[phase]) for phase in order},
        best=best,
        planned=planned,
        trained=len(trained),
        seconds=sum(t.seconds or 0.0 for t in trained),
        per_hour=_pace(trained, now) if driver else None,
        left_s=_left(study, arms, now) if driver else None,
        last=_last(records),
    )


def _best(records: Sequence[Trial], phase: str) -> Best | None:
    mine = [t for t in records if t.phase == phase and t.status == "ok" and t.accuracy is not None]
    best = max(mine, key=lambda t: (t.reward if t.reward is not None else t.accuracy or 0.0, -t.number), default=None)
    return None if best is None or best.accuracy is None else Best(best.number, best.accuracy, best.latency_ms)


def _pace(trained: Sequence[Trial], now: float) -> float | None:
    """Trainings an hour since the oldest of the last few ended."""
    ends = sorted(t.finished.timestamp() for t in trained if t.finished)[-RECENT:]
    return 3600 * (len(ends) - 1) / (now - ends[0]) if len(ends) > 1 and now > ends[0] else None


def _left(study: Study, arms: Sequence[Trial], now: float) -> float | None:
    """As the driver reckons it: the request's time less what earlier drivers' trials took, or the trainings that are still to be done."""
    command, plan, driver = study.command, study.plan(), study.driver
    try:
        began = datetime.fromisoformat(str(driver["start"])).timestamp() if driver else now
        workers = int(command["workers"])
        if command.get("trials") is None:
            before = sum(t.seconds or 0.0 for t in arms if t.finished and t.finished.timestamp() < began) / workers
            return max(0.0, float(command["time_s"]) - before - (now - began))
        one = median([t.seconds for t in arms if t.seconds] or [float(plan["seconds_per_trial"])])
        done = sum(bool(t.seconds) for t in arms)
        return (2 * int(plan["trials"]) - done + int(plan["final_runs"])) * one / workers
    except (KeyError, TypeError, ValueError):  # a young study, or one of another kind
        return None


def _last(records: Sequence[Trial]) -> str:
    done = [t for t in records if t.finished is not None]
    newest = max(done, key=lambda t: t.finished.timestamp() if t.finished else 0.0, default=None)
    if newest is None:
        return ""
    if newest.accuracy is not None:
        at = f" at {newest.latency_ms:.1f} ms" if newest.latency_ms is not None else ""
        return f"{newest.phase} {newest.number}: {newest.accuracy:.1%}{at}"
    return f"{newest.phase} {newest.number}: {newest.status}{f' ({newest.reason})' if newest.reason else ''}"
