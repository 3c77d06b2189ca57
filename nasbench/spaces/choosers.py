"""Choosers: who answers when a space asks. `space.decode(chooser)`."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from nasbench.genotype import Genotype
from nasbench.spaces.options import Choose, Options, ParameterValues, same
from nasbench.spaces.space import Space, redraw


def random_chooser(rng: random.Random) -> Choose:
    """Every option equally likely."""
    return lambda label, options: options[rng.randrange(len(options))]


def replay(decisions: Mapping[str, Any], otherwise: Choose) -> Choose:
    """The stored answer where it is an option, else what `otherwise` says."""

    def choose(label: str, options: Options) -> Any:
        if label in decisions and any(same(decisions[label], option) for option in options):
            return decisions[label]
        return otherwise(label, options)

    return choose


def record(choose: Choose, into: ParameterValues) -> Choose:
    """Answer like `choose` and keep the answers."""

    def noting(label: str, options: Options) -> Any:
        into[label] = choose(label, options)
        return into[label]

    return noting


def mutate(
    space: Space,
    decisions: Mapping[str, Any],
    rng: random.Random,
    changes: int = 1,
    among: Callable[[str], bool] = lambda label: True,
) -> tuple[Genotype, ParameterValues]:
    """Another network, `changes` answers away; questions that a change opens are answered at random.

    Args:
        among: which answers may change; `picks_block` changes families.

    Raises:
        SpaceError: a thousand tries gave no network.
    """
    asked: dict[str, Options] = {}
    space.decode(record_options(replay(decisions, random_chooser(rng)), asked))
    open_to = sorted(label for label in asked if among(label))

    def other(label: str, options: Options) -> Any:
        rest = [o for o in options if not same(o, decisions.get(label, _NOTHING))]
        return rest[rng.randrange(len(rest))]

    def mutant() -> tuple[Genotype, ParameterValues]:
        answers: ParameterValues = {}
        chosen = set(rng.sample(open_to, min(changes, len(open_to))))
        stored = replay(decisions, random_chooser(rng))
        g = space.decode(record(lambda label, options: (other if label in chosen else stored)(label, options), answers))
        return g, answers

    return redraw(space, mutant)


def picks_block(label: str) -> bool:
    """Whether a question is which block or which named alternative stands there, and not what its fields are."""
    return label.endswith(".any_of") or re.fullmatch(r"stem|head|stages\.\d+", label) is not None


def cross(space: Space, a: Mapping[str, Any], b: Mapping[str, Any], rng: random.Random) -> tuple[Genotype, ParameterValues]:
    """A child of two: each answer from one of them at random; what neither answered is drawn.

    Raises:
        SpaceError: a thousand tries gave no network.
    """

    def child() -> tuple[Genotype, ParameterValues]:
        answers: ParameterValues = {}

        def choose(label: str, options: Options) -> Any:
            first, second = (a, b) if rng.random() < 0.5 else (b, a)
            return replay(first, replay(second, random_chooser(rng)))(label, options)

        return space.decode(record(choose, answers)), answers

    return redraw(space, child)


def record_options(choose: Choose, into: dict[str, Options]) -> Choose:
    """Answer like `choose` and keep what could have been answered."""

    def noting(label: str, options: Options) -> Any:
        into[label] = options
        return choose(label, options)

    return noting


_NOTHING = object()
