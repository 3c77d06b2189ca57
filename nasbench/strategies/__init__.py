"""Strategies, which propose the next network: random search, aging evolution, TPE, and those of plugins."""

from nasbench.strategies.base import STRATEGIES, Strategy, make_strategy, strategy
from nasbench.strategies.evolution import evolution
from nasbench.strategies.random import random
from nasbench.strategies.tpe import tpe

__all__ = ["STRATEGIES", "Strategy", "evolution", "make_strategy", "random", "strategy", "tpe"]
