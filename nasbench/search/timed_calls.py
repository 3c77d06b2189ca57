"""Evaluations outside a study: for a plan, a probe, or the work that all trials of an evaluator share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nasbench.engines.base import Engine
from nasbench.evaluate.base import WAITED, EvaluateAll, Evaluator, Fidelity, Timed
from nasbench.evaluate.call import EvaluationCall, evaluate_call
from nasbench.genotype import Genotype
from nasbench.processes import TemporaryFolder
from nasbench.search.loop import result_of


class Job(NamedTuple):
    """One evaluation to make."""

    evaluator: Evaluator
    network: Genotype
    fidelity: Fidelity = Fidelity()
    seed: int = 0


def timed_calls(engine: Engine, jobs: Sequence[Job]) -> Iterator[tuple[int, Timed]]:
    """Evaluate in the engine's workers, side by side, each in a temporary directory; yields the place of each job, its record and time."""
    with TemporaryFolder("plan") as root:
        waiting = list(enumerate(jobs))
        try:
            while waiting or engine.running:
                while engine.free and waiting:
                    i, (evaluator, network, fidelity, seed) = waiting.pop(0)
                    place = root / str(i)
                    place.mkdir()
                    engine.submit(i, evaluate_call, EvaluationCall.of(evaluator, network.to_yaml(), fidelity, seed, place))
                for finished in engine.wait():
                    record = result_of(finished)
                    waited_s = float(record.get(WAITED, 0.0))  # for the machine's measuring lock, which another search may hold
                    yield int(str(finished.key)), Timed(record, max(0.0, finished.seconds - waited_s))
        finally:  # after an interrupt no worker may write into the folder, which is removed now
            for key in engine.running:
                engine.cancel(key)


def evaluate_all(engine: Engine) -> EvaluateAll:
    """Evaluates networks in the engine's workers, as a trial would be."""

    def run(evaluator: Evaluator, networks: Sequence[Genotype]) -> list[Timed]:
        timed = dict(timed_calls(engine, [Job(evaluator, g) for g in networks]))
        return [timed[i] for i in range(len(networks))]

    return run
