"""A serial driver for the tests to kill, as a function, and as a script with an engine: `driver.py DIRECTORY TRIALS`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from toy_search import chain, evaluate, open_phase

from nasbench.engines.local.engine import LocalEngine
from nasbench.study.database.optuna_tables import OptunaTables


def drive(path, trials, kill=("never", -1), engine=None, ready=lambda: None):
    """Search until `trials` have a result.

    Args:
        kill: (where, trial number) of a SIGKILL to this process. Where: after `ask`, after the worker's `result`, after `tell`, or
            `inside ask` and `inside tell`, which are in their transactions.
    """

    def at(place, number):
        if (place, number) == tuple(kill):
            os.kill(os.getpid(), signal.SIGKILL)

    if kill[0].startswith("inside"):
        write = OptunaTables._write_result

        def write_and_die(self, connection, trial_id, trial):
            write(self, connection, trial_id, trial)
            at("inside ask" if trial.state.name == "RUNNING" else "inside tell", trial.number)

        OptunaTables._write_result = write_and_die

    directory, ledger, phase = open_phase(path, "evolution", startup=4, sample=3, population=6)
    with directory, ledger:
        waiting = phase.unfinished()
        ready()
        while sum(t.status == "ok" for t in phase.records()) < trials:
            trial = waiting.pop() if waiting else phase.ask(chain)
            at("ask", trial.number)
            task = (directory.trial_directory(trial), trial.genotype)
            if engine is None:
                result = evaluate(task)
            else:
                engine.submit(trial.number, evaluate, task)
                result = engine.wait()[0].result
            at("result", trial.number)
            phase.tell(trial.number, result)
            at("tell", trial.number)


if __name__ == "__main__":
    with LocalEngine(1, preload=("nasbench.study.ledger",)) as local:
        drive(Path(sys.argv[1]), int(sys.argv[2]), engine=local, ready=lambda: print("ready", flush=True))
