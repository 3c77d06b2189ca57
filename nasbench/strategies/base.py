"""Strategies by name. Each makes Optuna samplers, so that the ledger, the dashboard and resuming work for all of them.

A strategy stores nothing between trials. Each trial has a sampler of its own, which reads the stored trials. A kill between two
trials therefore changes nothing.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from nasbench.errors import StudyError, nearest
from nasbench.genotype import Genotype
from nasbench.registry import Registry
from nasbench.spaces.choosers import random_chooser
from nasbench.spaces.options import Choose, Options

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
    """A sampler that chooses all values of a network in `before_trial`, and may look at the space to do so.

    Attributes:
        decode: the method of the space; a phase sets it before it asks. None where another program asks.
        choose: gives the value of each parameter; random at first.
    """

    decode: Decode | None = None

    def __init__(self, rng: random.Random) -> None:
        self.choose = random_chooser(rng)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(self, *_: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        return self.choose(param_name, options_of(param_distribution))


def options_of(distribution: BaseDistribution) -> Options:
    """The options of a parameter of a space, as Optuna stores them.

    Raises:
        NotImplementedError: the parameter is continuous, which no space has.
    """
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1, distribution.step)
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    raise NotImplementedError(f"a space has lists and ranges of options; got {distribution}")


def distribution(options: Options) -> BaseDistribution:
    """The options of a parameter as Optuna stores them.

    >>> distribution(range(8, 65, 8))
    IntDistribution(high=64, log=False, low=8, step=8)
    """
    if isinstance(options, range):
        return IntDistribution(min(options), max(options), step=abs(options.step))
    return CategoricalDistribution(options)


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


def check_numbers(strategy_name: str, low: float, high: float, **options: Any) -> None:
    """Check that options of a strategy are numbers from `low` to `high`.

    Raises:
        StudyError: one of them is not.
    """
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise StudyError(f"strategy {strategy_name}: {name} is a number from {low:g} to {high:g}; got {value!r}")


def check_choice(strategy_name: str, several: Sequence[str], **options: Any) -> None:
    """Check that options of a strategy are one of several words.

    Raises:
        StudyError: one of them is not, with the nearest word.
    """
    for name, value in options.items():
        if value not in several:
            raise StudyError(f"strategy {strategy_name}: {name} is {' or '.join(several)}; got {value!r}{nearest(value, several)}")
