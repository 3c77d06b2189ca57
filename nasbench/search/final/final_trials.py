"""The trials of a final round: first what is always trained, then the race."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nasbench.genotype import Genotype
from nasbench.search.final.evaluated import Evaluated
from nasbench.search.final.finalists import KNOWN, Finalist
from nasbench.study.phase import Phase
from nasbench.study.trial import Trial


class FinalTrials:
    """The candidates of the final round; no limits are checked.

    Every finalist but the contenders is trained with all fresh seeds. Then the leader or its challenger is trained once more, and again,
    while there is time. What comes next follows from the trials alone. The first training of each network here has the same seed and the
    same validation images, which are not those of the search; and so on for the second: networks are compared in pairs.

    Args:
        phase: of the final round.
        searched: the phases before.
        another: whether one more of the second kind may be trained; it is given how many trials there are.
        noise: the least share of noise in an accuracy, see `best_variances`.

    Attributes:
        trains_contenders: whether each contender is trained once before the race, because the search did not train it.
    """

    trains_contenders = False

    def __init__(
        self,
        phase: Phase,
        finalists: Sequence[Finalist],
        seeds: int,
        searched: Sequence[Phase],
        another: Callable[[int], bool],
        noise: float = 0.0,
    ) -> None:
        self._noise = noise
        self._phase, self._finalists, self._seeds, self._searched, self._another = phase, finalists, seeds, searched, another
        self._interrupted = phase.unfinished()

    def ask(self, needed: int) -> Trial | None:
        if self._interrupted:
            return self._interrupted.pop(0)
        chosen = self._due() or self._untrained() or self._raced()
        if chosen is None:
            return None
        before = sum(t.digest == chosen.digest for t in self._phase.records())
        return self._phase.enter(Genotype.from_yaml(chosen.genotype), draw=before + 1)

    def check_limits(self, trial: Trial) -> bool:
        return True

    @property
    def always(self) -> int:
        """Trainings that do not depend on results."""
        return self._seeds * len({f.digest for f in self._finalists if not f.contender})

    def _due(self) -> Finalist | None:
        """The first finalist that has not had its fresh seeds."""
        begun = [t.digest for t in self._phase.records()]
        return next((f for f in self._finalists if not f.contender and begun.count(f.digest) < self._seeds), None)

    def _untrained(self) -> Finalist | None:
        """The first contender that was never trained, where that counts and there is time."""
        trials = self._phase.records()
        if not self.trains_contenders or not self._another(len(trials)):
            return None
        begun = {t.digest for t in trials}
        return next((f for f in self._finalists if f.contender and f.digest not in begun), None)

    def _raced(self) -> Finalist | None:
        """The leader or its challenger; None where the time is over, or where the leader is the best without doubt."""
        trials = self._phase.records()
        if not self._another(len(trials)):
            return None
        searched = {f.digest: f for f in self._finalists if f.phase != KNOWN}
        if not searched:
            return None
        evaluated = Evaluated(self._searched, trials, searched, self._noise)
        # Those that failed count too: a network that cannot be trained is not tried for ever.
        running = [evaluated.place[t.digest] for t in trials if t.accuracy is None and t.digest in evaluated.place]
        place = evaluated.race.next(running)
        return next((searched[digest] for digest, i in evaluated.place.items() if i == place), None)
