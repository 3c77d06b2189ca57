"""The loop of a search: ask, check the limits, evaluate, record."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from nasbench.engines.base import Engine, Finished
from nasbench.evaluate.base import Evaluator
from nasbench.evaluate.call import EvaluationCall, evaluate_call
from nasbench.search.reporting import TrialsFailed
from nasbench.search.running_phase import RunningPhase
from nasbench.study.trial import Trial

ATTEMPTS = 2  # an evaluation whose process was killed or crashed is tried once more


def run_phases(
    phases: Sequence[RunningPhase],
    evaluator: Evaluator,
    engine: Engine,
    report: Callable[[RunningPhase, Trial], None],
    stop: Callable[[], bool],
) -> None:
    """Ask, check the limits, evaluate and record, until every phase is done.

    Args:
        phases: they share the engine's workers; the one that is furthest behind is asked next.
        report: receives each trial that was recorded.
        stop: returns True when no new evaluation may begin; those that run are still finished and recorded.

    Raises:
        TrialsFailed: from `report`. The evaluations that still ran are stopped, and their trials are recorded as skipped.
    """
    workers = Workers(engine, evaluator)
    while True:
        while engine.free and not stop():
            phase = furthest_behind(phases)
            if phase is None:
                break
            trial = phase.ask()
            # A trial that is refused is recorded there; an unsure one waits there until it is measured.
            if trial is not None and phase.check_limits(trial):
                workers.evaluate(phase, trial)
        if not workers.busy:
            return
        recorded = [(phase, phase.record(trial, result)) for phase, trial, result in workers.results()]
        try:
            for phase, trial in recorded:
                report(phase, trial)
        except TrialsFailed:
            workers.stop()
            raise


def furthest_behind(phases: Sequence[RunningPhase]) -> RunningPhase | None:
    """The phase with the smallest share of its wanted trials begun; None when no phase can use a worker now."""
    return min((p for p in phases if p.open), key=lambda p: p.used / max(1, p.wanted), default=None)


class _Running(NamedTuple):
    phase: RunningPhase
    trial: Trial
    call: EvaluationCall
    attempt: int


class Workers:
    """Starts evaluations in the workers of an engine, and collects their results."""

    def __init__(self, engine: Engine, evaluator: Evaluator) -> None:
        self._engine, self._evaluator = engine, evaluator
        self._running: dict[Hashable, _Running] = {}
        self._known: list[tuple[RunningPhase, Trial, dict[str, Any]]] = []

    @property
    def busy(self) -> bool:
        """Whether results will come."""
        return bool(self._running or self._known)

    def evaluate(self, phase: RunningPhase, trial: Trial) -> None:
        """Begin to evaluate a trial, unless its result is known."""
        fidelity = phase.begin(trial)
        if (result := phase.known_result(trial)) is not None:
            self._known.append((phase, trial, result))
            return
        call = EvaluationCall.of(self._evaluator, trial.genotype, fidelity, trial.seed or 0, phase.directory(trial))
        self._submit(_Running(phase, trial, call, 1))

    def results(self) -> Iterator[tuple[RunningPhase, Trial, dict[str, Any]]]:
        """Waits until evaluations end, for at most one second, and yields them. One whose process died is begun again once."""
        known, self._known = self._known, []
        yield from known
        for finished in self._engine.wait(timeout=0.0 if known else 1.0) if self._running else ():
            phase, trial, call, attempt = self._running.pop(finished.key)
            if finished.end == "died" and attempt < ATTEMPTS:
                fidelity = replace(call.fidelity, half_batch=call.fidelity.half_batch or finished.killed)
                self._submit(_Running(phase, trial, replace(call, fidelity=fidelity), attempt + 1))
            else:
                yield phase, trial, result_of(finished, attempt)

    def stop(self) -> None:
        """Kill the evaluations that run, and record their trials as skipped."""
        for key, running in list(self._running.items()):
            self._engine.cancel(key)
            del self._running[key]
            running.phase.skip(running.trial)

    def _submit(self, running: _Running) -> None:
        key = (running.trial.phase, running.trial.number)
        self._running[key] = running
        self._engine.submit(key, evaluate_call, running.call)


def result_of(finished: Finished, attempt: int = 1) -> dict[str, Any]:
    """The record that a worker sent; where none came, a record with the reason.

    A network that exceeds its time, or whose process the system kills as it does where memory runs out, is `infeasible`: strategies
    learn to avoid such networks, and the search goes on. Everything else is `failed`, and several such trials in a row end the search.
    """
    if finished.end == "result" and isinstance(finished.result, Mapping):
        return {**finished.result, "attempts": attempt}
    tries = f" (tried {attempt} times{', the last time with half the batch' if finished.killed else ''})" if attempt > 1 else ""
    status = "infeasible" if finished.end == "timeout" or finished.killed else "failed"
    return {"status": status, "reason": f"{finished.reason or 'the worker sent no record'}{tries}", "seconds": finished.seconds}
