"""Scores of networks at initialisation, which train nothing: `--evaluator zero-cost --proxy synflow`.

`gradients`, `activations` and `zen` hold the scores as functions of a torch module and a batch of images, `proxies` the table of them,
and `evaluator` the evaluator. Nothing here loads torch before a network is scored.
"""

from nasbench.evaluate.zero_cost.evaluator import ZeroCostEvaluator
from nasbench.evaluate.zero_cost.proxies import PROXIES, Proxy

__all__ = ["PROXIES", "Proxy", "ZeroCostEvaluator"]
