"""Evaluators without training, in a module that a trial's process loads in no time."""

from __future__ import annotations

import json
import math
import os
import time
import zlib

from nasbench.evaluate import Evaluation, EvaluationContext
from nasbench.evaluate.base import FunctionEvaluator
from nasbench.files import write_atomic
from nasbench.genotype import cost, digest


def accuracy_of(genotype):
    return 1 - 1 / math.log10(10 + cost(genotype).macs)


def by_size(genotype, fidelity, seed, directory):
    """The more multiply-adds, the better."""
    return Evaluation(accuracy=accuracy_of(genotype), seconds=0.01)


def slowly(genotype, fidelity, seed, directory):
    """The same in 0.3 s, or `TRIAL_S`, as a trial does it: with a result that is found again, and a mark of every time it began."""
    result = directory / "result.json"
    if result.exists():
        return Evaluation(**json.loads(result.read_text()))
    with (directory / "started").open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(float(os.environ.get("TRIAL_S", "0.3")))
    write_atomic(result, json.dumps({"accuracy": accuracy_of(genotype), "seconds": 0.01}))
    return Evaluation(**json.loads(result.read_text()))


def by_size_and_epochs(genotype, fidelity, seed, directory, epochs=9):
    """As `by_size`, but learning takes epochs, and some networks learn faster; a checkpoint is left at a rung."""
    until, checkpoint = fidelity.epochs or epochs, directory / "checkpoint.bin"
    with (directory / "trained").open("a") as file:
        file.write(f"{checkpoint.exists():d}>{until} ")
    pace = 1 + zlib.crc32(digest(genotype).encode()) % 7
    if until < epochs:
        checkpoint.write_text("weights")
    else:
        checkpoint.unlink(missing_ok=True)
    accuracy = accuracy_of(genotype) * (1 - math.exp(-until / pace))
    return Evaluation(accuracy=accuracy, seconds=0.01 * until, details={"epochs": until})


def evaluator_of(function):
    """A function as an evaluator."""
    return FunctionEvaluator(EvaluationContext(), function)
