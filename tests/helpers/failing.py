"""Evaluators that fail, in a module that a trial's process can import."""

from __future__ import annotations

import os
import signal
import time

from formula import accuracy_of

from nasbench.evaluate import Evaluation
from nasbench.genotype import cost

LARGE = 1_000_000  # multiply-adds


def sleepy(genotype, fidelity, seed, directory):
    """Three of four networks take far too long."""
    time.sleep(0.0 if seed % 4 == 0 else 60.0)
    return Evaluation(accuracy=0.5)


def greedy(genotype, fidelity, seed, directory):
    """Killed, as by a system without memory, unless half of the batch is enough; the first network needs more than there is."""
    with (directory / "attempts").open("a") as file:
        file.write("half " if fidelity.half_batch else "whole ")
    if not fidelity.half_batch or directory.name == "0":
        os.kill(os.getpid(), signal.SIGKILL)
    return Evaluation(accuracy=0.5)


def always(genotype, fidelity, seed, directory):
    """Every network is killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def mistaken(genotype, fidelity, seed, directory):
    raise ZeroDivisionError("division by zero")


def gated_ones_diverge(genotype, fidelity, seed, directory):
    """Networks with squeeze-and-excitation cannot be trained; of the others the larger are better."""
    if any(block.fields.get("se") for stage in genotype.stages for block in stage):
        return Evaluation(status="diverged", reason="the training loss became nan in epoch 1", seconds=0.01)
    return Evaluation(accuracy=accuracy_of(genotype), seconds=0.01)


def searched_ones_diverge(genotype, fidelity, seed, directory):
    """Nothing that the strategy proposes can be trained; what random search finds can."""
    if directory.name.startswith("search-"):
        return Evaluation(status="diverged", reason="the training loss became nan in epoch 1", seconds=0.01)
    return Evaluation(accuracy=accuracy_of(genotype), seconds=0.01)


def large_ones_diverge(genotype, fidelity, seed, directory):
    """Only the smaller half can be trained."""
    if cost(genotype).macs > LARGE:
        return Evaluation(status="diverged", reason="the training loss became nan in epoch 1", seconds=0.01)
    return Evaluation(accuracy=accuracy_of(genotype), seconds=0.01)
