"""The last round of a study: finalists are chosen, trained with fresh seeds, and the best is measured again."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench.engines.base import Engine
from nasbench.genotype import Genotype
from nasbench.search.finalists import Finalist, FinalResult, choose_finalists, load_finalists, save_finalists, standings
from nasbench.search.limits import Metrics
from nasbench.search.loop import Arm, Listener, work
from nasbench.search.measuring import Measure
from nasbench.search.plan import FINALISTS, RIVALS
from nasbench.search.problem import Problem
from nasbench.search.recording import recorder, tasker, teller
from nasbench.search.winner import Promise, promise
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.measurements import Measurements
from nasbench.study.phase import Asked, Phase

FINALISTS_FILE = "finalists.json"
SUBSTITUTES = 2  # times that further finalists are trained where all before missed the limit when measured again


@dataclass
class FinalRound:
    """Of one study.

    Attributes:
        search, random: the arms' trials; run: measures, or None where the device is elsewhere.
    """

    task: Problem
    folder: StudyDirectory
    ledger: Ledger
    search: Phase
    random: Phase
    run: Measure | None
    kept: Measurements
    listener: Listener

    @property
    def _file(self) -> Path:
        return self.folder.path / FINALISTS_FILE

    def begun(self) -> bool:
        """Whether the finalists were chosen by an earlier run."""
        return load_finalists(self._file) is not None

    def hold(self, engine: Engine) -> tuple[list[FinalResult], Promise]:
        """All finalists after their training, best first, and the winner.

        Where no network of either arm keeps the limit when measured again, the search's next best take their place.
        """
        finalists = load_finalists(self._file)
        if finalists is None:
            if self.run is not None:
                self.listener.say("measuring the finalists, alone on the machine")
            finalists = self._choose(self.task.known(), FINALISTS, RIVALS)
            save_finalists(self._file, finalists)
        for left in range(SUBSTITUTES, -1, -1):
            ranked = self._train(engine, finalists)
            found = promise(ranked, self.task.request.limits, self.run, self.kept, self.listener.say)
            if found.winner or found.noisy or not found.missed or not left:
                break
            more = self._choose({}, FINALISTS, 0, {f.digest for f in finalists})
            if not more:
                break
            finalists = [*finalists, *more]
            save_finalists(self._file, finalists)
        return ranked, found

    def _choose(self, known: dict[str, Genotype], own: int, rivals: int, before: AbstractSet[str] = frozenset()) -> list[Finalist]:
        """The best of each arm that keep the limit, without those who were chosen `before`."""
        ranked = {}
        for phase, wanted in ((self.search, own), (self.random, rivals)):
            trials = [(t, t.standing) for t in phase.records() if t.standing and t.digest not in before]
            # By reward; in Pareto mode by accuracy: the most accurate inside the limit is what the last round compares. Those
            # that stopped at a rung come after all that went further.
            trials.sort(key=lambda found: (-found[1][0], -found[1][1][0]) if found[1] else (0.0, 0.0))
            ranked[phase.name] = ([t for t, _ in trials], wanted)
        task = self.task
        return choose_finalists(ranked, known, task.figures, task.request.limits, self.run, self.kept, self.listener.say)

    def _train(self, engine: Engine, finalists: list[Finalist]) -> list[FinalResult]:
        """Train every finalist with fresh seeds; trial n is seed n % seeds of finalist n // seeds."""
        seeds = self.task.request.final_seeds
        phase = self.ledger.phase("final", ("maximize",), None, self.task.request.seed + 1)
        queue = [Genotype.from_yaml(f.genotype) for f in finalists for _ in range(seeds)]
        left = phase.unfinished()

        def draw(_: int) -> Asked | None:
            if left:
                return left.pop(0)
            return phase.enter(queue[len(phase)]) if len(phase) < len(queue) else None

        def figures(asked: Asked) -> Metrics:
            return replace(self.task.figures(asked.genotype), measured=finalists[asked.number // seeds].measured)

        def record(asked: Asked, told: dict[str, Any]) -> dict[str, Any]:
            found = recorder(self.task, figures)(asked, told) | {"origin": finalists[asked.number // seeds].origin}
            found.pop("constraints")  # known networks are compared even where they are slower than the limit
            return found | ({"values": [told["accuracy"]]} if "values" in found else {})

        arm = Arm(phase, len(queue), draw, tasker(self.task, self.folder, final=True), record, self.task.request.workers)
        self.listener.stage("last round", len(queue))
        for _ in range(arm.done):
            self.listener.step()
        work(engine, [arm], self.task.evaluate, teller(self.listener), lambda: False)
        return standings(finalists, phase.records(), seeds)
