"""Choosers: functions that give a space the value of each parameter, for `space.decode(choose)`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from nasbench.errors import NasbenchError
from nasbench.spaces.options import Choose, Options, ParameterValues, same

T = TypeVar("T")


def random_chooser(rng: random.Random) -> Choose:
    """Every option equally likely."""
    return lambda name, options: options[rng.randrange(len(options))]


def replay(values: Mapping[str, Any], otherwise: Choose) -> Choose:
    """The stored value where it is an option, else what `otherwise` chooses."""

    def choose(name: str, options: Options) -> Any:
        if name in values and any(same(values[name], option) for option in options):
            return values[name]
        return otherwise(name, options)

    return choose


def record(choose: Choose, into: ParameterValues) -> Choose:
    """Choose like `choose` and store each value in `into`."""

    def choose_and_store(name: str, options: Options) -> Any:
        into[name] = choose(name, options)
        return into[name]

    return choose_and_store


def record_options(choose: Choose, into: dict[str, Options]) -> Choose:
    """Choose like `choose` and store the options of each parameter in `into`."""

    def choose_and_store(name: str, options: Options) -> Any:
        into[name] = options
        return choose(name, options)

    return choose_and_store


def mutation(parent: Mapping[str, Any], names: Sequence[str], rng: random.Random, changes: int = 1) -> Choose:
    """The parent's values, but another option for `changes` of the parameters `names`.

    Parameters that the parent does not have get random values.

    Args:
        names: parameters of the parent that have several options; which of them change is drawn at once.
    """
    changed = set(rng.sample(names, min(changes, len(names))))
    unchanged = replay(parent, random_chooser(rng))

    def choose(name: str, options: Options) -> Any:
        return _other(options, parent[name], rng) if name in changed else unchanged(name, options)

    return choose


def _other(options: Options, than: Any, rng: random.Random) -> Any:
    """A random option that differs from `than`, if there is one."""
    option = rng.choice(options)
    while same(option, than) and len(options) > 1:
        option = rng.choice(options)
    return option


def crossover(a: Mapping[str, Any], b: Mapping[str, Any], rng: random.Random) -> Choose:
    """Each value from one of two parents at random; parameters that neither parent has get random values."""

    def choose(name: str, options: Options) -> Any:
        first, second = (a, b) if rng.random() < 0.5 else (b, a)
        return replay(first, replay(second, random_chooser(rng)))(name, options)

    return choose


def every(decode: Callable[[Choose], T]) -> Iterator[T]:
    """What `decode` returns for every combination of values, where the last parameters change fastest.

    Combinations for which it raises a `NasbenchError` are left out: they lead to no network.
    """
    path: list[int] = []  # which option each parameter takes; the first option where the path ends
    while True:
        taken: list[int] = []
        sizes: list[int] = []

        def choose(name: str, options: Options) -> Any:
            taken.append(path[len(taken)] if len(taken) < len(path) else 0)  # noqa: B023 - called at once
            sizes.append(len(options))  # noqa: B023
            return options[taken[-1]]  # noqa: B023

        try:
            result = decode(choose)
        except NasbenchError:
            pass
        else:
            yield result
        while taken and taken[-1] + 1 == sizes[len(taken) - 1]:
            taken.pop()
        if not taken:
            return
        path = [*taken[:-1], taken[-1] + 1]
