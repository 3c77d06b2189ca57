"""Spaces and an evaluator that cost a millisecond."""

from __future__ import annotations

import json

from nasbench.files import write_atomic
from nasbench.genotype import Block, Genotype
from nasbench.strategies import make_strategy
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.phase import Phase


def chain(choose, layers=8):
    """A chain of convolutions with 3 kernels and 4 widths each; the kernel of a second convolution exists only where there is one."""
    blocks = []
    for i in range(layers):
        blocks.append(Block("conv", {"width": choose(f"{i}.width", range(4, 20, 4)), "kernel": choose(f"{i}.kernel", [1, 3, 5])}))
        if choose(f"{i}.more", [False, True]):
            blocks.append(Block("conv", {"width": 4, "kernel": choose(f"{i}.more.kernel", [1, 3])}))
    return toy(blocks)


def pairs(choose):
    """2 networks from 4 combinations of values."""
    choose("nothing", ["a", "b"])
    return toy([Block("conv", {"width": 8, "kernel": choose("kernel", [1, 3])})])


def toy(blocks):
    return Genotype("toy", (3, 16, 16), stages=(tuple(blocks),), head=(Block("gap"), Block("linear", {"width": 10})))


def accuracy(genotype):
    """A separable function with one best value for each parameter: each layer wants kernel 3 and width 12."""
    blocks = genotype.stages[0]
    return sum((b.fields["kernel"] == 3) - abs(b.fields["width"] - 12) / 16 for b in blocks) / 8


def latency(genotype):
    return sum(b.fields["width"] * b.fields["kernel"] for b in genotype.stages[0]) / 100


def record(genotype, objectives=1):
    values = [accuracy(genotype), latency(genotype)][:objectives]
    return {"status": "ok", "values": values, "accuracy": values[0], "latency_ms": latency(genotype), "seconds": 0.1}


def evaluate(task):
    """The work of a trial's process: return a result that is there already, or make and save one."""
    directory, genotype = task
    result = directory / "result.json"
    if result.exists():
        return json.loads(result.read_text())
    with (directory / "started").open("a") as file:  # counts how often the trial was evaluated
        file.write("x")
    new = record(Genotype.from_yaml(genotype))
    write_atomic(result, json.dumps(new))
    return new


def open_phase(path, name="random", seed=3, directions=("maximize",), phase="search", **options) -> tuple[StudyDirectory, Ledger, Phase]:
    directory = StudyDirectory.create(path, {"space": "toy"})
    ledger = Ledger.open(directory)
    return directory, ledger, ledger.phase(phase, directions, make_strategy(name, seed, **options), seed)


def run(phase, count, decode=chain):
    """Search serially until `count` trials have values of their own; returns all trials."""
    while sum(t.status == "ok" for t in phase.records()) < count:
        trial = phase.ask(decode)
        if trial is None:
            break
        phase.tell(trial.number, record(trial.network, len(phase.directions)))
    return phase.records()


def outcome(trials):
    """Everything that must be equal after a restart: all but the clock."""
    return [(t.number, t.status, t.digest, t.params, t.values, t.duplicate_of, t.seed, t.parent, t.reason) for t in trials]
