"""Strategies, which propose the next network: random search, evolution, TPE, local search, a predictor, a controller, and plugins' own."""

from nasbench.strategies.base import STRATEGIES, SpaceSampler, Strategy, make_strategy, strategy
from nasbench.strategies.evolution import evolution
from nasbench.strategies.local import local
from nasbench.strategies.nsga2 import nsga2
from nasbench.strategies.predictor import predictor
from nasbench.strategies.random import random
from nasbench.strategies.rl import rl
from nasbench.strategies.tpe import tpe

__all__ = [
    "STRATEGIES",
    "SpaceSampler",
    "Strategy",
    "evolution",
    "local",
    "make_strategy",
    "nsga2",
    "predictor",
    "random",
    "rl",
    "strategy",
    "tpe",
]
