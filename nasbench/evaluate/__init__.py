"""How good a network is: evaluators by name, and the interface that they share. No torch until an evaluator needs it."""

from nasbench.evaluate.base import (
    EVALUATORS,
    Evaluation,
    EvaluationContext,
    EvaluationData,
    Evaluator,
    Fidelity,
    evaluator,
)
from nasbench.evaluate.make import make_evaluator

__all__ = [
    "EVALUATORS",
    "Evaluation",
    "EvaluationContext",
    "EvaluationData",
    "Evaluator",
    "Fidelity",
    "evaluator",
    "make_evaluator",
]
