"""The strategy `predictor`: a regression with uncertainty learns from the trials and proposes the network that it expects most of."""

from nasbench.strategies.predictor.strategy import predictor

__all__ = ["predictor"]
