"""One evaluation as it travels to another process: plain data, and the function that the engines' workers run on it."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench.errors import NasbenchError
from nasbench.evaluate.base import Evaluation, Evaluator, Fidelity
from nasbench.genotype import Genotype
from nasbench.plugins import Plugin, use_plugin


@dataclass(frozen=True)
class EvaluationCall:
    """One evaluation as plain data that travels to another process.

    Attributes:
        evaluator: pickled; plugins: loaded before it is read.
        genotype: YAML.
        directory: the trial's own; it exists.
    """

    evaluator: bytes
    plugins: tuple[Plugin, ...]
    genotype: str
    fidelity: Fidelity
    seed: int
    directory: str

    @classmethod
    def of(cls, evaluator: Evaluator, genotype: str, fidelity: Fidelity, seed: int, directory: Path) -> EvaluationCall:
        """A call of this evaluator."""
        return cls(pickle.dumps(evaluator), evaluator.context.plugins, genotype, fidelity, seed, str(directory))


def call_directory(call: EvaluationCall) -> str:
    """Where a call leaves its files."""
    return call.directory


def in_directory(call: EvaluationCall, directory: str) -> EvaluationCall:
    """The same call, to be made elsewhere."""
    return replace(call, directory=directory)


def evaluate_call(call: EvaluationCall) -> dict[str, Any]:
    """Run a call in this process; what the engines' workers run.

    Raises:
        NasbenchError: see `Evaluator.evaluate`; or the evaluator returned something else than an `Evaluation`.
    """
    for plugin in call.plugins:
        use_plugin(plugin)
    evaluator: Evaluator = pickle.loads(call.evaluator)  # noqa: S301 - from our own driver
    result = evaluator.evaluate(Genotype.from_yaml(call.genotype), call.fidelity, call.seed, Path(call.directory))
    if not isinstance(result, Evaluation):
        raise NasbenchError(f"an evaluator returns an Evaluation; {type(evaluator).__name__} returned {type(result).__name__}")
    return result.to_record()
