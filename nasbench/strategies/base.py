"""Strategies by name. Each is an Optuna sampler, so that one ledger, one dashboard and one resume serve all.

A strategy keeps nothing between trials: `sampler(seed)` makes the sampler of one trial, which reads what it needs to know
from the stored trials. A kill between any two trials therefore changes nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from optuna.samplers import BaseSampler

from nasbench.errors import StudyError, nearest
from nasbench.registry import Registry

SamplerFactory = Callable[..., BaseSampler]  # (seed, **options)
Factory = TypeVar("Factory", bound=SamplerFactory)

STRATEGIES: Registry[SamplerFactory] = Registry("strategy", StudyError)


def strategy(factory: Factory) -> Factory:
    """Register a strategy under the name of a function: `(seed, *, option=default, ...) -> optuna sampler`.

    The sampler proposes one trial, from the stored trials of the phase. Its options can be given as `--option NAME=VALUE`.

    Raises:
        StudyError: the name is taken.
    """
    STRATEGIES.register(factory.__name__, factory, factory)
    return factory


@dataclass(frozen=True)
class Strategy:
    """A strategy with its options; see `make_strategy`."""

    name: str
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def sampler(self, seed: int) -> BaseSampler:
        """The sampler of one trial; `seed` is derived from the strategy's own and the trial's number."""
        return STRATEGIES[self.name](seed, **self.options)

    def to_json(self) -> dict[str, Any]:
        """As the ledger stores it."""
        return {"name": self.name, "seed": self.seed, "options": dict(self.options)}


def make_strategy(name: str, seed: int, **options: Any) -> Strategy:
    """`make_strategy("evolution", 7, population=50)`.

    Raises:
        StudyError: an unknown name or option (with the nearest), or a value that the strategy refuses.
    """
    if name not in STRATEGIES:
        raise StudyError(f"a strategy is one of {', '.join(STRATEGIES)}; got {name!r}{nearest(name, STRATEGIES)}")
    known = [p for p in inspect.signature(STRATEGIES[name]).parameters if p != "seed"]
    for option in options:
        if option not in known:
            has = f"its options are {', '.join(known)}" if known else "it has no options"
            raise StudyError(f"the strategy {name} has no option {option!r}; {has}{nearest(option, known)}")
    made = Strategy(name, seed, options)
    made.sampler(0)  # refuses impossible values now, not at the first trial
    return made
