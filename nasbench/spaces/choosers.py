"""Choosers: who answers when a space asks. `space.decode(chooser)`."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from nasbench.genotype import Genotype
from nasbench.spaces.open_fields import Choose, Decisions, Options, same
from nasbench.spaces.space import Space


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


def record(choose: Choose, into: Decisions) -> Choose:
    """Answer like `choose` and keep the answers."""

    def noting(label: str, options: Options) -> Any:
        into[label] = choose(label, options)
        return into[label]

    return noting


def mutate(space: Space, decisions: Mapping[str, Any], rng: random.Random, changes: int = 1) -> tuple[Genotype, Decisions]:
    """Another genotype, `changes` answers away; questions that a change opens are answered at random."""
    asked: dict[str, Options] = {}
    space.decode(record_options(replay(decisions, random_chooser(rng)), asked))
    chosen = set(rng.sample(sorted(asked), min(changes, len(asked))))

    def other(label: str, options: Options) -> Any:
        rest = [o for o in options if not same(o, decisions.get(label, _NOTHING))]
        return rest[rng.randrange(len(rest))]

    answers: Decisions = {}
    stored, fresh = replay(decisions, random_chooser(rng)), other
    g = space.decode(record(lambda label, options: fresh(label, options) if label in chosen else stored(label, options), answers))
    return g, answers


def cross(space: Space, a: Mapping[str, Any], b: Mapping[str, Any], rng: random.Random) -> tuple[Genotype, Decisions]:
    """A child of two: each answer from one of them at random; what neither answered is drawn."""
    answers: Decisions = {}

    def choose(label: str, options: Options) -> Any:
        first, second = (a, b) if rng.random() < 0.5 else (b, a)
        return replay(first, replay(second, random_chooser(rng)))(label, options)

    return space.decode(record(choose, answers)), answers


def record_options(choose: Choose, into: dict[str, Options]) -> Choose:
    """Answer like `choose` and keep what could have been answered."""

    def noting(label: str, options: Options) -> Any:
        into[label] = options
        return choose(label, options)

    return noting


_NOTHING = object()
