"""Strategies by name. Each is an Optuna sampler, so that one ledger, one dashboard and one resume serve all.

A strategy keeps nothing between trials: `sampler(seed)` makes the sampler of one trial, which reads what it needs to know
from the trials that are stored. A kill between any two trials therefore changes nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.samplers import BaseSampler

from nasbench.errors import StudyError, nearest
from nasbench.strategies.evolution import evolution
from nasbench.strategies.random import random
from nasbench.strategies.tpe import tpe

STRATEGIES: Mapping[str, Callable[..., BaseSampler]] = {"random": random, "evolution": evolution, "tpe": tpe}


@dataclass(frozen=True)
class Strategy:
    """A named strategy with its options; see `strategy`."""

    name: str
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def sampler(self, seed: int) -> BaseSampler:
        """The sampler of one trial; `seed` is derived from ours and the trial's number."""
        return STRATEGIES[self.name](seed, **self.options)

    def about(self) -> dict[str, Any]:
        """As the ledger stores it."""
        return {"name": self.name, "seed": self.seed, "options": dict(self.options)}


def strategy(name: str, seed: int, **options: Any) -> Strategy:
    """`strategy("evolution", 7, population=50)`.

    Raises:
        StudyError: an unknown name or option (with the nearest), or a value that the strategy refuses.
    """
    if name not in STRATEGIES:
        raise StudyError(f"a strategy is one of {', '.join(STRATEGIES)}; got {name!r}{nearest(name, STRATEGIES)}")
    allowed = [p for p in inspect.signature(STRATEGIES[name]).parameters if p != "seed"]
    for option in options:
        if option not in allowed:
            known = f"reads {', '.join(allowed)}" if allowed else "has no options"
            raise StudyError(f"strategy {name} has no option {option!r}; it {known}{nearest(option, allowed)}")
    made = Strategy(name, seed, options)
    made.sampler(0)  # refuses impossible values now, not at the first trial
    return made


__all__ = ["STRATEGIES", "Strategy", "strategy"]
