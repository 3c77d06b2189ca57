"""The strategy `rl`: a recurrent controller that learns from rewards. It needs torch, which is loaded when it first proposes."""

from nasbench.strategies.rl.strategy import rl

__all__ = ["rl"]
