"""One phase of a study, stored as its own Optuna study. Every ask and tell is committed at once.

A new trial is written to the ledger in one transaction before it is evaluated, and its result in another. Each trial has a
sampler of its own, made from (seed, phase, number) and the trials before it. A resumed study therefore proposes what it would
have proposed without the interruption.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from nasbench.errors import NasbenchError, StudyError
from nasbench.genotype import Genotype, digest
from nasbench.spaces.options import Options
from nasbench.strategies import Strategy
from nasbench.strategies.base import options_of
from nasbench.study.database.store import TrialStore
from nasbench.study.in_memory import Direction, InMemoryStudy
from nasbench.study.sampling import Decode, Proposal, unseen
from nasbench.study.seeds import derive
from nasbench.study.trial import PAUSED, RUNNING, Trial, Verdict, judge, read_trial

# If at least `PATIENCE` of the last `WINDOW` proposals were not new networks, a mutation replaces the strategy's next proposal.
PATIENCE, WINDOW = 5, 10


class Phase:
    """A sequence of trials with one strategy: `ask` for a trial, evaluate it, `tell` its result. `Ledger.phase` makes it."""

    def __init__(self, store: TrialStore, name: str, directions: Sequence[Direction], strategy: Strategy | None, seed: int) -> None:
        self.name = name
        self.directions = tuple(directions)
        self._store, self._strategy, self._seed = store, strategy, seed
        self._load()

    def ask(self, decode: Decode) -> Trial | None:
        """The next trial, proposed by the strategy and stored as running.

        A network that was proposed before is stored as a duplicate with the earlier result, and values that lead to no network are
        stored as infeasible. After `PATIENCE` such proposals among the last `WINDOW`, the last one is mutated until it is new.

        Args:
            decode: the method of a space.

        Returns:
            None when the space has no other network.

        Raises:
            StudyError: the phase has no strategy, the space's options changed, or the ledger cannot be written.
        """
        if self._strategy is None:
            raise StudyError(f"a phase needs a strategy to propose networks; {self.name} has none; add its networks with `enter`")
        with self._writing():
            while True:
                number = len(self._ids)
                proposal: Proposal | NasbenchError | None
                if self._recent_repeats() < PATIENCE:
                    seed = derive(self._strategy.seed, self.name, number, "draw")
                    proposal = self._memory.sample(self._strategy.sampler(seed), decode)
                else:
                    rng = random.Random(derive(self._strategy.seed, self.name, number, "unseen"))
                    proposal = unseen(decode, self._first, self._memory.trial(number - 1).params, rng)
                    if proposal is None:
                        return None
                    self._memory.add(proposal.params, proposal.distributions)
                if isinstance(proposal, Proposal) and proposal.digest not in self._first:
                    return self._start(number, proposal.genotype, proposal.digest)
                self._memory.finish(number, self._verdict(proposal))
                self._insert(number)

    def enter(self, genotype: Genotype, proposal: Proposal | None = None, *, draw: int = 0) -> Trial:
        """A trial with a network of the caller's choice, stored as running.

        Args:
            proposal: the network as a point of the space, see `retrace`; samplers then learn from the trial.
            draw: which training of its network it is, where all networks have the same seed in the same draw; 0 gives it its own.
        """
        with self._writing():
            self._memory.add(proposal.params if proposal else {}, proposal.distributions if proposal else {})
            return self._start(len(self._ids), genotype, proposal.digest if proposal else digest(genotype), draw)

    def tell(self, number: int, record: Mapping[str, Any] | None) -> Trial:
        """Store the result of a running trial, which is finished then, whatever the result is.

        Args:
            record: see `judge`.

        Raises:
            StudyError: the trial is not running; or the ledger cannot be written, and then the trial still runs.
        """
        return self._finish(number, judge(record, len(self.directions)))

    def pause(self, number: int, record: Mapping[str, Any] | None, epoch: int) -> Trial:
        """Store the result of a running trial at a rung, where the trial waits. If its status is not `ok`, it is finished instead.

        Raises:
            StudyError: see `tell`.
        """
        verdict = judge(record, len(self.directions))
        if verdict.attrs["status"] != "ok":
            return self._finish(number, verdict)
        with self._writing():
            self._check_running(number)
            rung = {"epoch": epoch, "values": verdict.values} | {k: verdict.attrs.get(k) for k in ("accuracy", "seconds")}
            rungs = [*self._memory.trial(number).user_attrs.get("rungs", []), rung]
            self._memory.update(number, verdict.attrs | {"status": PAUSED, "epochs": epoch, "rungs": rungs}, verdict.constraints)
            self._store.update(self._ids[number], self._memory.trial(number))
            return read_trial(self.name, self._memory.trial(number))

    def promote(self, number: int) -> Trial:
        """Store a paused trial as running again."""
        with self._writing():
            self._check_running(number)
            self._memory.update(number, {"status": RUNNING})
            self._store.update(self._ids[number], self._memory.trial(number))
            return read_trial(self.name, self._memory.trial(number))

    def stop(self, number: int, reason: str) -> Trial:
        """Finish a paused trial as stopped."""
        self._refresh()
        verdict = Verdict(TrialState.PRUNED, None, dict(self._memory.trial(number).constraints), {"status": "stopped", "reason": reason})
        return self._finish(number, verdict)

    def fold_log(self) -> None:
        """Write all that is stored into `ledger.db` itself, and its log to the disk, so that a copy of the file alone is complete."""
        self._store.fold_log()

    def __len__(self) -> int:
        """Trials so far, of any kind."""
        return len(self._ids)

    def unfinished(self) -> list[Trial]:
        """Trials that a killed driver left running. They are evaluated again under their numbers.

        An evaluator returns the result that it finds in the trial's directory, if the earlier evaluation came to its end. Trials
        without a genotype, which another program added, are finished as failed.
        """
        self._refresh()
        running = [t for t in self._memory.trials() if _runs(t) and t.user_attrs.get("status") != PAUSED]
        for trial in running:
            if not trial.user_attrs.get("genotype"):
                self.tell(trial.number, {"status": "failed", "reason": "interrupted before its network was known"})
        return [read_trial(self.name, trial) for trial in running if trial.user_attrs.get("genotype")]

    def options(self) -> dict[str, Options]:
        """The options of every parameter that a trial of the phase has."""
        self._refresh()
        return {name: options_of(d) for trial in self._memory.trials() for name, d in trial.distributions.items()}

    def find(self, digest: str) -> Trial | None:
        """The first trial of a network, finished or running, or None."""
        self._refresh()
        return read_trial(self.name, self._memory.trial(self._first[digest])) if digest in self._first else None

    def records(self) -> list[Trial]:
        """All trials by number, running ones too."""
        self._refresh()
        return [read_trial(self.name, trial) for trial in self._memory.trials()]

    def _finish(self, number: int, verdict: Verdict) -> Trial:
        with self._writing():
            self._check_running(number)
            self._memory.finish(number, verdict)
            self._store.finish(self._ids[number], self._memory.trial(number))
            return read_trial(self.name, self._memory.trial(number))

    def _check_running(self, number: int) -> None:
        """Check that a trial runs or pauses.

        Raises:
            StudyError: the trial is finished, or does not exist.
        """
        if not 0 <= number < len(self._ids) or not _runs(self._memory.trial(number)):
            raise StudyError(f"a trial is finished once, while it runs; {self.name} has no running trial {number}")

    def _start(self, number: int, genotype: Genotype, digest: str, draw: int = 0) -> Trial:
        seed = derive(self._seed, self.name, "draw", draw) if draw else derive(self._seed, self.name, number)
        attrs = {"genotype": genotype.to_yaml(), "digest": digest, "seed": seed, "status": RUNNING, **({"draw": draw} if draw else {})}
        self._memory.set_attributes(number, attrs)
        self._insert(number)
        trial = read_trial(self.name, self._memory.trial(number))
        trial.__dict__["network"] = genotype  # so that it is not read from its YAML again
        return trial

    def _verdict(self, proposal: Proposal | NasbenchError) -> Verdict:
        """The result of a proposal that is not a new network; it needs no evaluation."""
        if isinstance(proposal, NasbenchError):
            record = {"status": "infeasible", "reason": str(proposal), "constraints": {"invalid": 1.0}, "seconds": 0.0}
            return judge(record, len(self.directions))
        first = self._memory.trial(self._first[proposal.digest])
        reason = f"the network of trial {first.number}"
        duplicate = {"status": "duplicate", "duplicate_of": first.number, "digest": proposal.digest, "seconds": 0.0}
        if first.state == TrialState.RUNNING:
            genotype = first.user_attrs["genotype"]
            return Verdict(TrialState.FAIL, None, {}, duplicate | {"genotype": genotype, "reason": f"{reason}, which runs"})
        result = {k: v for k, v in first.user_attrs.items() if k not in ("parent", "seed")}
        reason += f": {result['reason']}" if result.get("reason") else ""
        return Verdict(first.state, first.values, dict(first.constraints), result | duplicate | {"reason": reason})

    def _recent_repeats(self) -> int:
        """How many of the last `WINDOW` proposals were not new networks."""
        recent = [self._memory.trial(number) for number in range(max(0, len(self._ids) - WINDOW), len(self._ids))]
        return sum(t.user_attrs.get("status") == "duplicate" or "invalid" in t.constraints for t in recent)

    def _insert(self, number: int) -> None:
        trial = self._memory.trial(number)
        self._ids.append(self._store.insert(trial))
        self._index(trial)

    def _index(self, trial: FrozenTrial) -> None:
        network = trial.user_attrs.get("digest")
        if network and trial.user_attrs.get("status") != "duplicate":
            self._first.setdefault(network, trial.number)

    def _load(self) -> None:
        stored = self._store.trials()
        self._memory = InMemoryStudy(self.name, self.directions, stored)
        self._ids = [trial._trial_id for trial in stored]
        self._first: dict[str, int] = {}  # the number of the first trial of each network, by digest
        for trial in stored:
            self._index(trial)
        self._stale = False

    def _refresh(self) -> None:
        if self._stale:
            self._load()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The copy in memory may differ from the ledger only inside; after an error it is made anew from the ledger."""
        self._refresh()
        self._stale = True
        yield
        self._stale = False


def _runs(trial: FrozenTrial) -> bool:
    """Whether a trial runs or pauses in the ledger. In memory a trial that has passed a rung is pruned."""
    return trial.state == TrialState.RUNNING or trial.user_attrs.get("status") in (RUNNING, PAUSED)
