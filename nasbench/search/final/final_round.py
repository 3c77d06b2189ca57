"""The final round of a study: finalists are chosen, trained with fresh seeds, and the best is measured again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nasbench.engines.base import Engine
from nasbench.genotype import Genotype
from nasbench.genotype.units import show_duration
from nasbench.latency.weights import DeliveredWeights, delivered_weights
from nasbench.search.extension import FINALISTS_FILE, SUMMARY_FILE, earlier_finalists
from nasbench.search.final.evaluated import Evaluated
from nasbench.search.final.final_trials import FinalTrials
from nasbench.search.final.finalists import KNOWN, Finalist, FinalResult, choose_finalists, final_results, load_finalists, save_finalists
from nasbench.search.final.repeats import CONTENDERS, DRAWS_EACH, FINALISTS, LEADERS, RIVALS, contenders, rival_runs
from nasbench.search.final.verdict import MOST, SearchVerdict, random_networks, search_verdict
from nasbench.search.final.winner import Choice, choose_winner
from nasbench.search.loop import run_phases
from nasbench.search.measuring import Measure
from nasbench.search.problem import Problem
from nasbench.search.records import complete_record
from nasbench.search.reporting import Failures, Listener, describe_trial
from nasbench.search.running_phase import RunningPhase, ToTheEnd
from nasbench.search.time_budget import UNTIL_TIME_IS_OVER, TimeBudget
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.measurements import Measurements
from nasbench.study.phase import Phase
from nasbench.study.seeds import derive
from nasbench.study.trial import FINAL, Trial

MOST_LATE_S = 120.0  # after the time given
MOST_REPEATS = 2  # trials of the final round for each network that the search evaluated
SUBSTITUTES = 2  # times that further finalists are trained where all before missed the limit when measured again


@dataclass
class FinalRound:
    """The final round of one study.

    Attributes:
        search, random: the phases whose best trials take part.
        measure: None where the device is elsewhere, or where nothing asks for latencies.
        weights_of: the file of a result's weights, which may not exist.
        budget: the time that is left.
        noise: the least share of noise in an accuracy, see `best_variances`.
    """

    problem: Problem
    directory: StudyDirectory
    ledger: Ledger
    search: Phase
    random: Phase
    measure: Measure | None
    measurements: Measurements
    listener: Listener
    weights_of: Callable[[FinalResult], Path]
    budget: TimeBudget
    noise: float = 0.0
    _failures: Failures = field(default_factory=Failures)

    @property
    def _file(self) -> Path:
        return self.directory.path / FINALISTS_FILE

    def begun(self) -> bool:
        """Whether the finalists were chosen by an earlier run."""
        return load_finalists(self._file) is not None

    def run(self, engine: Engine) -> tuple[list[FinalResult], Choice]:
        """All finalists after their training, best first, and the winner.

        Where no network of either phase keeps the limit when it is measured again, the search's next best take their place.
        """
        finalists = load_finalists(self._file)
        if finalists is None:
            known = self._known()
            if self.measure is not None:
                self.listener.stage("measuring the finalists, alone on the machine")
            finalists = self._first(known, earlier_finalists(self.directory.path))
            save_finalists(self._file, finalists)
        for left in range(SUBSTITUTES, -1, -1):
            ranked = self._train(engine, finalists)
            if self.measure is not None and self.problem.config.limits.latency_ms is not None:
                self.listener.stage("measuring the winner, alone on the machine")
            choice = choose_winner(ranked, self.problem.config.limits, self.measure, self.measurements, self.listener.say, self._weights)
            if choice.delivered or choice.noisy or not choice.missed or not left:
                break
            more = self._choose({}, FINALISTS, 0, {f.digest for f in finalists})
            if not more:
                break
            finalists = [*finalists, *more]
            save_finalists(self._file, finalists)
        return ranked, choice

    def verdict(self, ranked: Sequence[FinalResult], choice: Choice) -> SearchVerdict | None:
        """What the search was worth; None where nothing is delivered."""
        best = choice.delivered
        if best is None:
            return None
        config, problem = self.problem.config, self.problem
        trials = self.ledger.records(FINAL)
        own = [f.finalist.digest for f in ranked if f.finalist.phase != KNOWN]
        repeats = sum(t.digest in own for t in trials) - rival_runs(config)
        searched = sum(t.status == "ok" for t in self.search.records())
        networks = min(MOST, searched + max(0, repeats - FINALISTS * config.final_seeds))
        first = [r.finalist for r in ranked].index(best.finalist)  # those before it missed the limit when they were measured again
        evaluated = Evaluated((self.search, self.random), trials, own, self.noise)
        alone = problem.evaluator.trains_finalists
        at_random = [t.digest for t in self.random.records() if t.status == "ok" and (alone or t.digest in evaluated.place)]

        def allowed(genotype: Genotype) -> bool:
            return config.limits.judge(problem.estimate(genotype)) == "inside"

        others = [] if alone else random_networks(problem.decode, allowed, networks, derive(config.seed, "verdict"))
        rival = next((r for r in ranked if r.finalist.phase == self.random.name), None) if alone else None
        busy = choice.unverified is not None

        def takes_part(place: int, f: Finalist) -> bool:
            if f.phase == KNOWN:
                metrics = problem.estimate(Genotype.from_yaml(f.genotype))
                return config.limits.met_by(replace(metrics, measured=f.measured))
            return place >= first and f.keeps(config.limits, busy=busy)

        results = [r for i, r in enumerate(ranked) if takes_part(i, r.finalist)]
        seed = derive(config.seed, "verdict", "samples")
        compared = len(at_random) if alone else networks
        return search_verdict(evaluated, best, results, at_random, others, compared, config.final_seeds, seed, rival)

    def _first(self, known: dict[str, Genotype], earlier: list[Finalist]) -> list[Finalist]:
        """The best of each phase, and known networks. After an extension, the earlier finalists stay, since they are trained already."""
        fitting = self.budget.fitting_repeats()
        own = contenders(FINALISTS * self.problem.config.final_seeds + fitting, self.problem.config)
        if self.problem.evaluator.trains_finalists:
            own = min(CONTENDERS, LEADERS + fitting // DRAWS_EACH)
        if not earlier:
            return self._choose(known, own, RIVALS)
        before = {f.digest for f in earlier}
        new, rivals = (
            sum(t.digest not in before for t in self._ranked(phase)[:count]) for phase, count in ((self.search, own), (self.random, RIVALS))
        )
        return [*earlier, *self._choose({}, new, rivals, before)]

    def _weights(self, result: FinalResult) -> DeliveredWeights | None:
        """The weights that are delivered if this result wins."""
        return delivered_weights(self.weights_of(result), self.problem.device)

    def _known(self) -> dict[str, Genotype]:
        """The known networks to compare with; none where training them would end the search long after its time."""
        known, late_s = self.problem.known(), self.budget.late_with_known_s()
        if not known or late_s <= MOST_LATE_S:
            return known
        self.listener.say(
            f"the {len(known)} known networks are not trained for comparison: the search would end {show_duration(late_s)} after its --time"
        )
        return {}

    def _choose(self, known: dict[str, Genotype], own: int, rivals: int, before: AbstractSet[str] = frozenset()) -> list[Finalist]:
        """The best of each phase that keep the limit, without those who were chosen `before`."""
        ranked = {phase.name: (self._ranked(phase, before), wanted) for phase, wanted in ((self.search, own), (self.random, rivals))}
        problem, limits = self.problem, self.problem.config.limits
        chosen = choose_finalists(ranked, known, problem.estimate, limits, self.measure, self.measurements, self.listener.say)
        first = [f for f in chosen if f.phase == self.search.name][:FINALISTS]
        return [replace(f, contender=f.phase == self.search.name and f not in first) for f in chosen]

    def _ranked(self, phase: Phase, without: AbstractSet[str] = frozenset()) -> list[Trial]:
        """The trials of a phase that were evaluated within the limits, best first, by what is expected of their networks.

        A soft reward ranks them itself. Those that stopped at a rung come last.
        """
        trials = best_trials(phase, without)
        if self.problem.config.mode == "soft":
            return trials
        expected = Evaluated((self.search, self.random), noise=self.noise).expected if trials else None
        return sorted(trials, key=lambda t: -expected(t.digest)) if expected else trials

    def _train(self, engine: Engine, finalists: Sequence[Finalist]) -> list[FinalResult]:
        """Train the finalists with fresh seeds."""
        problem = self.problem
        trials = self.ledger.phase(FINAL, ("maximize",), None, problem.config.seed + 1)
        by_digest = {f.digest: f for f in reversed(finalists)}

        def complete(trial: Trial, result: dict[str, Any]) -> dict[str, Any]:
            finalist = by_digest[trial.digest]
            metrics = replace(problem.estimate(trial.network), measured=finalist.measured)
            record = complete_record(trial, result, metrics, problem.config) | {"origin": finalist.origin}
            record.pop("constraints")  # known networks are compared even where they are slower than the limit
            return record | ({"values": [result["accuracy"]]} if "values" in record else {})

        def report(_: RunningPhase, trial: Trial) -> None:
            self._failures.note(trial)
            self.budget.note(trial)
            self.listener.step(describe_trial(trial))

        candidates = FinalTrials(trials, finalists, problem.config.final_seeds, (self.search, self.random), self._another, self.noise)
        candidates.trains_contenders = problem.evaluator.trains_finalists
        phase = RunningPhase(
            trials,
            wanted=UNTIL_TIME_IS_OVER,
            candidates=candidates,
            complete=complete,
            directory=self.directory.trial_directory,
            parallel=problem.config.workers,
            schedule=ToTheEnd(trials),
            final=True,
        )
        self.listener.stage("final round", max(candidates.always + self.budget.fitting_repeats(), phase.done))
        for _ in range(phase.done):
            self.listener.step()
        run_phases([phase], problem.evaluator, engine, report, lambda: False)
        records = trials.records()
        return final_results(finalists, records, Evaluated((self.search, self.random), records, noise=self.noise).expected)

    def _another(self, trials: int) -> bool:
        """Whether one of the best may be trained once more.

        A race that has ended stays so: the same command again prints the result. Networks may be equally good, and simulated trainings may
        take no time, so a race also ends by the number of its trainings.
        """
        if (self.directory.path / SUMMARY_FILE).exists():
            return False
        if trials >= MOST_REPEATS * sum(t.status == "ok" for t in self.search.records()):
            return False
        return self.budget.fits_another(self.budget.final_runs - trials)


def best_trials(phase: Phase, without: AbstractSet[str] = frozenset()) -> list[Trial]:
    """The trials of a phase that were evaluated within the limits, best first, without those of some networks (digests).

    They are ranked by reward, in Pareto mode by accuracy: the most accurate inside the limit is what the final round compares.
    Those that stopped at a rung come after all that were trained further.
    """
    reached = [(t, t.reached) for t in phase.records() if t.reached and t.digest not in without]
    reached.sort(key=lambda entry: (-entry[1][0], -entry[1][1][0]) if entry[1] else (0.0, 0.0))
    return [t for t, _ in reached]
