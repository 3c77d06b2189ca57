"""A serial driver for the tests to kill, as a function, and as a script: `driver.py FOLDER TRIALS`, which has an engine."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from toy_search import chain, evaluate, open_phase

from nasbench.engines.local.engine import LocalEngine
from nasbench.study.optuna_tables import OptunaTables


def drive(path, trials, kill=("never", -1), engine=None, ready=lambda: None):
    """Search until `trials` have a result; `kill` is (where, trial number) of a SIGKILL to itself.

    Where: after `ask`, after the worker's `result`, after `tell`, or `inside ask` or `inside tell`, in their transactions.
    """

    def here(place, at):
        if (place, at) == tuple(kill):
            os.kill(os.getpid(), signal.SIGKILL)

    if kill[0].startswith("inside"):
        write = OptunaTables._result

        def written(self, connection, trial_id, trial):
            write(self, connection, trial_id, trial)
            here("inside ask" if trial.state.name == "RUNNING" else "inside tell", trial.number)

        OptunaTables._result = written

    folder, ledger, phase = open_phase(path, "evolution", startup=4, sample=3, population=6)
    with folder, ledger:
        waiting = phase.unfinished()
        ready()
        while sum(t.status == "ok" for t in phase.records()) < trials:
            asked = waiting.pop() if waiting else phase.ask(chain)
            here("ask", asked.number)
            task = (folder.trial_directory(asked), asked.genotype)
            if engine is None:
                told = evaluate(task)
            else:
                engine.submit(asked.number, evaluate, task)
                told = engine.wait()[0].result
            here("result", asked.number)
            phase.tell(asked.number, told)
            here("tell", asked.number)


if __name__ == "__main__":
    with LocalEngine(1, preload=("nasbench.study.ledger",)) as local:
        drive(Path(sys.argv[1]), int(sys.argv[2]), engine=local, ready=lambda: print("ready", flush=True))
