"""Time: when the phases must end so that everything fits into the time given, from how long trials really take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

from nasbench.search.config import SearchConfig
from nasbench.search.final.repeats import FINALISTS, LEADERS, after_s, report_s, rival_runs, searching
from nasbench.search.plan import MIN_TRIALS, STARTING_S, Plan
from nasbench.search.running_phase import RunningPhase
from nasbench.study.trial import FINAL, Trial

UNTIL_TIME_IS_OVER = 1_000_000  # trials of the search, where their number is not given


class Clock:
    """Seconds since a start, by a clock that does not jump; `before` are those of earlier runs."""

    def __init__(self, before: float = 0.0) -> None:
        self._start = time.monotonic() - before

    def __call__(self) -> float:
        return time.monotonic() - self._start


class TimeBudget:
    """How much of the time is left, and what fits into it.

    Args:
        spent_s: what the trials of earlier runs of the study took: a resumed study has the rest of its time.
        simulated: whether seconds are those that evaluations name, and not those of the clock.
    """

    def __init__(self, plan: Plan, config: SearchConfig, clock: Clock, spent_s: float, *, simulated: bool = False) -> None:
        self._plan, self._config, self._clock, self._simulated = plan, config, clock, simulated
        self._before = spent_s / plan.workers
        self._simulated_s = 0.0
        self._seconds: list[float] = []
        self._final_seconds: list[float] = []

    def note(self, trial: Trial) -> None:
        """Take note of a trial that has ended, or has come to a rung."""
        if trial.seconds:
            self._simulated_s += trial.seconds
            whole = self._config.recipe.epochs
            alone = self._plan.seconds_per_final is not None and trial.phase == FINAL
            seconds = self._final_seconds if alone else self._seconds
            seconds.append(trial.seconds * whole / min(trial.epochs or whole, whole))

    def over(self, phases: Sequence[RunningPhase]) -> bool:
        """Whether no new trial may begin; never while a phase has fewer than `MIN_TRIALS`, or where their number is given."""
        if self._config.trials is not None or any(
            phase.done < MIN_TRIALS * min(1.0, phase.wanted / UNTIL_TIME_IS_OVER) for phase in phases
        ):
            return False
        one, after = self._needs()
        scored = self._plan.seconds_per_final is not None
        if not scored and not self._config.rungs and phases[0].done >= searching(phases[0].done + self._fitting(one, after, control=True)):
            return True
        rungs = self._config.rungs
        longest = one * max(rungs.steps) / rungs.epochs[-1] + STARTING_S if rungs else one
        return self._elapsed_s + longest + after > self._config.time_s

    def late_with_known_s(self) -> float:
        """Seconds after the time given at which the final round would end, if it began now and trained the known networks too.

        It is zero or less where the time suffices, and where the number of trials is given in place of a time.
        """
        if self._config.trials is not None:
            return 0.0
        return self._elapsed_s + self._needs()[1] - self._config.time_s

    @property
    def final_runs(self) -> int:
        """The planned trainings of the final round."""
        return self._plan.final_runs

    def fitting_repeats(self) -> int:
        """How many more networks can be trained again before the time is over, beside those that are always trained again."""
        if self._config.trials is not None:
            return max(0, (self._plan.repeats or 0) - FINALISTS * self._config.final_seeds)
        return 0 if self._config.rungs else self._fitting(self._one_final, self._needs()[1])

    def fits_another(self, left: int) -> bool:
        """Whether another training of the final round may begin.

        Args:
            left: how many of the planned ones are left, which counts where the number of evaluations is given.
        """
        if self._config.trials is not None:
            return left > 0
        after = report_s(self._config) / 2 + self._config.training_s  # the half, since the finalists are measured already
        return not self._config.rungs and self._elapsed_s + self._one_final + after <= self._config.time_s

    def _fitting(self, one: float, after: float, *, control: bool = False) -> int:
        """Evaluations for which there is time, each with its share of random search if that still runs."""
        each = one * (1 + self._config.control_share if control else 1)
        return max(0, int((self._config.time_s - self._elapsed_s - after) * self._plan.workers / each))

    def outlook(self, phases: Sequence[RunningPhase]) -> tuple[int, float]:
        """How many trainings there will have been in all, those of the final round included, and seconds until then."""
        whole, after = self._needs()
        one = whole * self._plan.share / self._plan.calls + STARTING_S if self._config.rungs else whole
        done = sum(phase.trainings for phase in phases)
        if self._config.trials is not None:
            left = sum(phase.trainings_left for phase in phases)
            return done + left + self._plan.final_runs, left * one / self._plan.workers + after
        left_s = max(0.0, self._config.time_s - self._elapsed_s)
        running = sum(phase.running for phase in phases)
        more = max(running, int((left_s - after) / one * self._plan.workers))
        return done + more + self._plan.final_runs, max(left_s, after)

    @property
    def _elapsed_s(self) -> float:
        return self._before + (self._simulated_s / self._plan.workers if self._simulated else self._clock())

    @property
    def _one(self) -> float:
        """Seconds of one trial."""
        return (median(self._seconds) if len(self._seconds) >= MIN_TRIALS else self._plan.seconds_per_trial) + STARTING_S

    @property
    def _one_final(self) -> float:
        """Seconds of one training in the final round."""
        if self._plan.seconds_per_final is None:
            return self._one
        return (median(self._final_seconds) if len(self._final_seconds) >= MIN_TRIALS else self._plan.seconds_per_final) + STARTING_S

    def _needs(self) -> tuple[float, float]:
        """Seconds of one trial, and of all that comes after the phases at least."""
        plan, config, one = self._plan, self._config, self._one
        least = FINALISTS * config.final_seeds
        own = rival_runs(config) + (least if plan.seconds_per_final is None else least + LEADERS - FINALISTS)
        known = plan.final_runs - rival_runs(config) - (least if plan.repeats is None else plan.repeats)
        after = self._one_final * (own + known * plan.seconds_per_known / plan.final_s) / plan.workers
        return one, after + after_s(config)
