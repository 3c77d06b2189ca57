"""Strategies by name. Each makes Optuna samplers, so that the ledger, the dashboard and resuming work for all of them.

A strategy stores nothing between trials. Each trial has a sampler of its own, which reads the stored trials. A kill between two
trials therefore changes nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from optuna.samplers import BaseSampler

from nasbench.errors import StudyError, nearest
from nasbench.genotype import Genotype
from nasbench.registry import Registry
from nasbench.spaces.options import Choose

SamplerFactory = Callable[..., BaseSampler]  # (seed, **options)
Factory = TypeVar("Factory", bound=SamplerFactory)

Decode = Callable[[Choose], Genotype]

STRATEGIES: Registry[SamplerFactory] = Registry("strategy", StudyError)


def strategy(factory: Factory) -> Factory:
    """Register a function as a strategy, under the name of the function. Its options are given as `--option NAME=VALUE`.

    Args:
        factory: `(seed, *, option=default, ...) -> optuna sampler`. The sampler proposes one trial, from the stored trials of the phase.

    Raises:
        StudyError: there is another strategy with this name.

    Example:
        >>> @strategy
        ... def quasi_random(seed, *, scramble=True):
        ...     return optuna.samplers.QMCSampler(seed=seed, scramble=scramble)
    """
    STRATEGIES.register(factory.__name__, factory, factory)
    return factory


class SpaceSampler(BaseSampler):
    """A sampler that may look at the space before it proposes.

    Attributes:
        decode: the method of the space; a phase sets it before it asks. None where another program asks.
    """

    decode: Decode | None = None


@dataclass(frozen=True)
class Strategy:
    """A strategy with its options. `make_strategy` checks them."""

    name: str
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def sampler(self, seed: int) -> BaseSampler:
        """The sampler of one trial, whose seed is derived from the strategy's seed and the trial's number."""
        return STRATEGIES[self.name](seed, **self.options)

    def to_json(self) -> dict[str, Any]:
        """The strategy as the ledger stores it."""
        return {"name": self.name, "seed": self.seed, "options": dict(self.options)}


def make_strategy(name: str, seed: int, **options: Any) -> Strategy:
    """A strategy by its name, such as `make_strategy("evolution", 7, population=50)`.

    Raises:
        StudyError: an unknown strategy or option, with the nearest name; or a value that the strategy refuses.
    """
    if name not in STRATEGIES:
        raise StudyError(f"a strategy is one of {', '.join(STRATEGIES)}; got {name!r}{nearest(name, STRATEGIES)}")
    known = [p for p in inspect.signature(STRATEGIES[name]).parameters if p != "seed"]
    for option in options:
        if option not in known:
            has = f"its options are {', '.join(known)}" if known else "it has no options"
            raise StudyError(f"the strategy {name} has no option {option!r}; {has}{nearest(option, known)}")
    chosen = Strategy(name, seed, options)
    chosen.sampler(0)  # refuses impossible values now, and not at the first trial
    return chosen


def check_counts(strategy_name: str, **options: Any) -> None:
    """Check that options of a strategy are whole numbers from 1.

    Raises:
        StudyError: one of them is not.
    """
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise StudyError(f"strategy {strategy_name}: {name} is a whole number from 1; got {value!r}")
