"""Local search (White, Nolen, Savani 2021, "Exploring the Loss Landscape in Neural Architecture Search", algorithm 1)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nasbench.spaces.choosers import random_chooser, replay
from nasbench.spaces.options import first, same
from nasbench.strategies.base import Decode, SpaceSampler, check_choice, check_counts, strategy
from nasbench.strategies.candidates import Candidate, Candidates, candidate
from nasbench.strategies.ranking import merits, violation

ATTEMPTS = 32  # random networks that are drawn for one that is new and expected within the limits

MOST_OPTIONS = 24  # of a parameter with more options, so many others are neighbours

# The neighbours of each trial of a study in memory, by number. They follow from the trial, so a resumed study has the same.
_NEIGHBOURHOODS: WeakKeyDictionary[Any, dict[int, Neighbourhood]] = WeakKeyDictionary()


@strategy
def local(seed: int, *, startup: int = 10, move: str = "first") -> BaseSampler:
    """Each trial is a neighbour of the best network so far: one value is changed. When all neighbours are known, it starts anew.

    With two objectives this is Pareto local search (Paquete et al. 2004): neighbours of every network that no other dominates.

    Args:
        startup: random trials at the beginning, from the best of which the search starts.
        move: `first` goes on from a better neighbour at once, `best` looks at all neighbours before it goes on from the best.

    Raises:
        StudyError: a number below 1, or another word.
    """
    check_counts("local", startup=startup)
    check_choice("local", ("first", "best"), move=move)
    return LocalSearch(seed, startup, move)


class LocalSearch(SpaceSampler):
    """The sampler of one trial.

    Trials form trees: the parent of a trial is the one whose neighbour it is, and a trial without a parent is a start. The best trial of
    a tree is expanded; of several trees the one with the best trial comes first. A tree whose best trial has only neighbours that were
    tried has ended. When all have ended, a new start is drawn at random.

    With several objectives all trials are one tree. Those that no other dominates are expanded in random order, then the next front.
    """

    def __init__(self, seed: int, startup: int, move: str) -> None:
        self._rng = random.Random(seed)
        self._random = random_chooser(self._rng)
        self._startup, self._move = startup, move
        super().__init__(self._rng)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Choose the values of the whole network."""
        decode = self.decode
        if decode is None:
            return
        candidates = Candidates(study, trial.number, decode)
        trials = [t for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)) if t.params]
        if len(trials) >= self._startup:
            for parent in self._expanded(study, trials):
                neighbour = self._neighbour(study, parent, candidates, decode)
                if neighbour is not None:
                    self.choose = replay(neighbour.values, self._random)
                    study._storage.set_trial_user_attr(trial._trial_id, "parent", parent.number)
                    return
        start = candidates.promising(lambda _: self._random, ATTEMPTS)
        if start is not None:
            self.choose = replay(start.values, self._random)

    def _expanded(self, study: Study, trials: Sequence[FrozenTrial]) -> Iterator[FrozenTrial]:
        """The trials whose neighbours are wanted, the most wanted first."""
        rank = {t.number: merit[:2] for t, merit in zip(trials, merits(trials, study.directions), strict=True)}
        if self._move == "best":
            parent = trials[-1].user_attrs.get("parent")
            yield from (t for t in trials if t.number == parent)  # all its neighbours come first
        if len(study.directions) > 1:
            yield from sorted(self._rng.sample(trials, len(trials)), key=lambda t: rank[t.number])
            return
        best: dict[int, FrozenTrial] = {}  # of the tree with this start
        start: dict[int, int] = {}
        for t in trials:
            start[t.number] = start.get(t.user_attrs.get("parent", -1), t.number)
            leader = best.setdefault(start[t.number], t)
            if rank[t.number] < rank[leader.number]:
                best[start[t.number]] = t
        yield from sorted(best.values(), key=lambda t: (rank[t.number], t.number))

    def _neighbour(self, study: Study, parent: FrozenTrial, candidates: Candidates, decode: Decode) -> Candidate | None:
        """A random neighbour that no trial has. One that the limits would probably refuse is left out, unless its parent is outside too."""
        known = _NEIGHBOURHOODS.setdefault(study._storage, {})
        if parent.number not in known:
            known[parent.number] = Neighbourhood(decode, parent.params)
        neighbourhood = known[parent.number]
        outside = violation(parent) > 0
        for place in self._rng.sample(range(len(neighbourhood)), len(neighbourhood)):
            neighbour = neighbourhood.at(place)
            if neighbour is None or neighbour.digest in candidates.seen:
                continue
            if outside or candidates.excess.violation(neighbour.values) == 0:
                return neighbour
        return None


class Neighbourhood:
    """The networks that differ from one in the value of one parameter. Each is decoded when it is first wanted.

    Parameters that only the change brings along get values that are random, but always the same.

    Args:
        values: those of the network.
    """

    def __init__(self, decode: Decode, values: Mapping[str, Any]) -> None:
        self._decode = decode
        self._own = candidate(decode, replay(values, first))
        self._decoded: dict[int, Candidate | None] = {}
        self._changes: list[tuple[str, Any]] = []
        if self._own is not None:
            for name in self._own.open:
                others = [option for option in self._own.options[name] if not same(option, self._own.values[name])]
                rng = random.Random(f"{self._own.digest} {name}")
                self._changes += [(name, option) for option in rng.sample(others, min(MOST_OPTIONS, len(others)))]

    def __len__(self) -> int:
        """How many changes there are; several may lead to one network."""
        return len(self._changes)

    def at(self, place: int) -> Candidate | None:
        """The network of a change; None where it leads to no network, or to the same one."""
        if place not in self._decoded and self._own is not None:
            name, option = self._changes[place]
            otherwise = random_chooser(random.Random(f"{self._own.digest} {name} {option!r}"))
            changed = candidate(self._decode, replay({**self._own.values, name: option}, otherwise))
            self._decoded[place] = None if changed is None or changed.digest == self._own.digest else changed
        return self._decoded.get(place)
