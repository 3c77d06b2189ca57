"""Strategies, which propose the next network: random search, aging evolution, TPE, and those of plugins."""

from nasbench.strategies.base import STRATEGIES, SpaceSampler, Strategy, make_strategy, strategy
from nasbench.strategies.evolution import evolution
from nasbench.strategies.predictor import predictor
from nasbench.strategies.random import random
from nasbench.strategies.tpe import tpe

__all__ = ["STRATEGIES", "SpaceSampler", "Strategy", "evolution", "make_strategy", "predictor", "random", "strategy", "tpe"]
