"""Mutants and children of networks of a space, each drawn again until it is a network."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from nasbench.genotype import Genotype
from nasbench.spaces import Choose, Options, ParameterValues, Space
from nasbench.spaces.choosers import crossover, mutation, random_chooser, record, record_options, replay
from nasbench.spaces.space import redraw


def mutate(
    space: Space, values: Mapping[str, Any], rng: random.Random, changes: int = 1, among: Callable[[str], bool] = lambda name: True
) -> tuple[Genotype, ParameterValues]:
    """Another network, `changes` values away; `among` says which parameters may change."""
    options: dict[str, Options] = {}
    space.decode(record_options(replay(values, random_chooser(rng)), options))
    names = sorted(filter(among, options))
    return recorded(space, lambda: mutation(values, names, rng, changes))


def cross(space: Space, a: Mapping[str, Any], b: Mapping[str, Any], rng: random.Random) -> tuple[Genotype, ParameterValues]:
    """A child of two networks."""
    return recorded(space, lambda: crossover(a, b, rng))


def recorded(space: Space, chooser: Callable[[], Choose]) -> tuple[Genotype, ParameterValues]:
    """A network with its values."""
    values: ParameterValues = {}

    def make() -> Genotype:
        values.clear()
        return space.decode(record(chooser(), values))

    return redraw(space, make), values


def picks_block(name: str) -> bool:
    """Whether a parameter is a block or a named alternative, and not a field of one."""
    return name.endswith(".any_of") or re.fullmatch(r"stem|head|stages\.\d+", name) is not None
