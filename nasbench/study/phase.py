"""One arm of a study: an Optuna study of its own, asked and told by the driver, whole in the ledger at every moment.

Each trial goes to the ledger in one transaction when it is drawn, before anything is launched, and in one when it is told.
The sampler of a trial is made anew from (seed, phase, number) and the trials before it, so that a resume draws what an
undisturbed run would have drawn.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from nasbench.errors import NasbenchError, StudyError
from nasbench.genotype import Genotype, digest
from nasbench.strategies import Strategy
from nasbench.study.in_memory import Direction, InMemoryStudy
from nasbench.study.sampling import Decode, Proposal, unseen
from nasbench.study.seeds import derive
from nasbench.study.sqlite import TrialDatabase
from nasbench.study.trial import PAUSED, Trial, Verdict, judge, read_trial

# When this many of the last `WINDOW` draws brought no new network, something else than the strategy draws.
PATIENCE, WINDOW = 5, 10


@dataclass(frozen=True)
class Asked:
    """A trial to run. It stands in the ledger as running; `seed` is its own, the same after any restart.

    One that goes on after a rung has passed so many epochs, and brings along what was `kept` of it there.
    """

    phase: str
    number: int
    digest: str
    genotype: Genotype
    seed: int
    passed: int = 0
    kept: Mapping[str, Any] = field(default_factory=dict)


class Phase:
    """`ask`, evaluate, `tell`; made by `Ledger.phase`."""

    def __init__(self, store: TrialDatabase, name: str, directions: Sequence[Direction], strategy: Strategy | None, seed: int) -> None:
        self.name = name
        self.directions = tuple(directions)
        self._store, self._strategy, self._seed = store, strategy, seed
        self._study_id = store.optuna.get_study_id_from_name(name)
        self._load()

    def ask(self, decode: Decode) -> Asked | None:
        """The next network to evaluate, stored as running; `decode` is a space's.

        A network that was drawn before is stored as a duplicate with the earlier result, and answers that lead to no
        network as infeasible; when `PATIENCE` of the last draws were such, the last one is mutated until it is new.

        Returns:
            None when the space holds no other network.

        Raises:
            StudyError: the phase has no strategy, the space's options changed, or the ledger cannot be written.
        """
        if self._strategy is None:
            raise StudyError(f"only a phase with a strategy can be asked; {self.name} has none; enter its networks yourself")
        with self._kept():
            while True:
                number = len(self._ids)
                found: Proposal | NasbenchError | None
                if self._fruitless() < PATIENCE:
                    seed = derive(self._strategy.seed, self.name, number, "draw")
                    found = self._mirror.sample(self._strategy.sampler(seed), decode)
                else:
                    rng = random.Random(derive(self._strategy.seed, self.name, number, "unseen"))
                    found = unseen(decode, self._first, self._mirror.trial(number - 1).params, rng)
                    if found is None:
                        return None
                    self._mirror.add(found.params, found.distributions)
                if isinstance(found, Proposal) and found.digest not in self._first:
                    return self._begin(number, found.genotype, found.digest)
                self._mirror.settle(number, self._verdict(found))
                self._insert(number)

    def enter(self, genotype: Genotype, drawn: Proposal | None = None) -> Asked:
        """A network of the caller's choice, stored as running; `drawn` (see `replay`) tells the sampler where it lies."""
        with self._kept():
            self._mirror.add(drawn.params if drawn else {}, drawn.distributions if drawn else {})
            return self._begin(len(self._ids), genotype, drawn.digest if drawn else digest(genotype))

    def tell(self, number: int, record: Mapping[str, Any] | None) -> Trial:
        """Store what a running trial came to; see `judge` for `record`. Whatever is told, the trial is finished.

        Raises:
            StudyError: the trial is not running, or the ledger cannot be written; then it still runs and may be told again.
        """
        return self._finish(number, judge(record, len(self.directions)))

    def pause(self, number: int, record: Mapping[str, Any] | None, epoch: int) -> Trial:
        """Store what a running trial came to at a rung; it waits there. One without a good result is told instead.

        Raises:
            StudyError: as `tell`.
        """
        verdict = judge(record, len(self.directions))
        if verdict.attrs["status"] != "ok":
            return self._finish(number, verdict)
        with self._kept():
            self._see_running(number)
            rung = {"epoch": epoch, "values": verdict.values} | {k: verdict.attrs.get(k) for k in ("accuracy", "seconds")}
            rungs = [*self._mirror.trial(number).user_attrs.get("rungs", []), rung]
            self._mirror.mark(number, verdict.attrs | {"status": PAUSED, "epochs": epoch, "rungs": rungs}, verdict.constraints)
            self._store.note(self._ids[number], self._mirror.trial(number))
            return read_trial(self.name, self._mirror.trial(number))

    def promote(self, number: int) -> Asked:
        """A paused trial, stored as running again."""
        with self._kept():
            self._see_running(number)
            self._mirror.mark(number, {"status": "running"})
            self._store.note(self._ids[number], self._mirror.trial(number))
            return self._again(self._mirror.trial(number))

    def stop(self, number: int, reason: str) -> Trial:
        """Finish a paused trial as stopped."""
        self._refresh()
        verdict = Verdict(TrialState.PRUNED, None, dict(self._mirror.trial(number).constraints), {"status": "stopped", "reason": reason})
        return self._finish(number, verdict)

    def __len__(self) -> int:
        """Trials so far, of any kind."""
        return len(self._ids)

    def unfinished(self) -> list[Asked]:
        """Trials that a dead driver left running, to be run again under their numbers; call it once, before the first `ask`.

        An evaluator that finds its own finished result in the trial's folder then returns that. Trials of another program
        that have no genotype are told as failed.
        """
        self._refresh()
        left = []
        for trial in self._mirror.trials():
            if not _runs(trial) or trial.user_attrs.get("status") == PAUSED:
                continue
            if not trial.user_attrs.get("genotype"):
                self.tell(trial.number, {"status": "failed", "reason": "interrupted before it was drawn"})
            else:
                left.append(self._again(trial))
        return left

    def find(self, digest: str) -> Trial | None:
        """The first trial of a network, finished or running, or None."""
        self._refresh()
        return read_trial(self.name, self._mirror.trial(self._first[digest])) if digest in self._first else None

    def records(self) -> list[Trial]:
        """All trials by number, also the running."""
        self._refresh()
        return [read_trial(self.name, trial) for trial in self._mirror.trials()]

    def _again(self, trial: FrozenTrial) -> Asked:
        """A trial that stands in the ledger, to be run, again or further."""
        attrs = trial.user_attrs
        genotype, rungs = Genotype.from_yaml(attrs["genotype"]), attrs.get("rungs")
        kept = {**attrs, "constraints": dict(trial.constraints)} if rungs else {}
        return Asked(self.name, trial.number, attrs["digest"], genotype, attrs["seed"], rungs[-1]["epoch"] if rungs else 0, kept)

    def _finish(self, number: int, verdict: Verdict) -> Trial:
        with self._kept():
            self._see_running(number)
            self._mirror.settle(number, verdict)
            self._store.finish(self._ids[number], self._mirror.trial(number))
            return read_trial(self.name, self._mirror.trial(number))

    def _see_running(self, number: int) -> None:
        """
        Raises:
            StudyError: the trial is finished, or there is none.
        """
        if not 0 <= number < len(self._ids) or not _runs(self._mirror.trial(number)):
            raise StudyError(f"a trial is told once, while it runs; {self.name} has no running trial {number}")

    def _begin(self, number: int, genotype: Genotype, digest: str) -> Asked:
        asked = Asked(self.name, number, digest, genotype, derive(self._seed, self.name, number))
        attrs = {"genotype": genotype.to_yaml(), "digest": digest, "seed": asked.seed, "status": "running"}
        self._mirror.attach(number, attrs)
        self._insert(number)
        return asked

    def _verdict(self, found: Proposal | NasbenchError) -> Verdict:
        """What is known at once of a draw that brought no new network."""
        if isinstance(found, NasbenchError):
            record = {"status": "infeasible", "reason": str(found), "constraints": {"invalid": 1.0}, "seconds": 0.0}
            return judge(record, len(self.directions))
        first = self._mirror.trial(self._first[found.digest])
        reason = f"the network of trial {first.number}"
        link = {"status": "duplicate", "duplicate_of": first.number, "digest": found.digest, "seconds": 0.0}
        if first.state == TrialState.RUNNING:
            genotype = first.user_attrs["genotype"]
            return Verdict(TrialState.FAIL, None, {}, link | {"genotype": genotype, "reason": f"{reason}, which runs"})
        kept = {k: v for k, v in first.user_attrs.items() if k not in ("parent", "seed")}
        reason += f": {kept['reason']}" if kept.get("reason") else ""
        return Verdict(first.state, first.values, dict(first.constraints), kept | link | {"reason": reason})

    def _fruitless(self) -> int:
        """How many of the last trials brought no new network."""
        last = [self._mirror.trial(number) for number in range(max(0, len(self._ids) - WINDOW), len(self._ids))]
        return sum(t.user_attrs.get("status") == "duplicate" or "invalid" in t.constraints for t in last)

    def _insert(self, number: int) -> None:
        trial = self._mirror.trial(number)
        self._ids.append(self._store.insert(self._study_id, trial))
        self._index(trial)

    def _index(self, trial: FrozenTrial) -> None:
        name = trial.user_attrs.get("digest")
        if name and trial.user_attrs.get("status") != "duplicate":
            self._first.setdefault(name, trial.number)

    def _load(self) -> None:
        stored = self._store.trials(self._study_id)
        self._mirror = InMemoryStudy(self.name, self.directions, stored)
        self._ids = [trial._trial_id for trial in stored]
        self._first: dict[str, int] = {}
        for trial in stored:
            self._index(trial)
        self._stale = False

    def _refresh(self) -> None:
        if self._stale:
            self._load()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """The mirror may run ahead of the ledger only inside; after an error it is made anew from the ledger."""
        self._refresh()
        self._stale = True
        yield
        self._stale = False


def _runs(trial: FrozenTrial) -> bool:
    """Whether a trial runs in the ledger; the mirror shows one that has passed a rung as pruned."""
    return trial.state == TrialState.RUNNING or trial.user_attrs.get("status") in ("running", PAUSED)
