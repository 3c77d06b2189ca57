"""Where the predictor looks: every network of a small space; else mutations and crossovers of good trials, and random networks."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from math import prod
from typing import Any, NamedTuple

import numpy as np
from optuna.distributions import BaseDistribution

from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, trace
from nasbench.genotype.trace import digest_of
from nasbench.spaces import choosers
from nasbench.spaces.options import Choose, Options, same
from nasbench.strategies.base import Decode, options_of
from nasbench.strategies.predictor.features import Matrix, Vector
from nasbench.strategies.predictor.sizes import sizes_of

Values = Mapping[str, Any]

ENUMERATED = 20_000  # networks of a space that is small enough to compare them all
CHANGES = (1, 1, 2, 3)  # how many values a mutation changes; each number is equally likely


class Listed(NamedTuple):
    """The networks of a small space, each once.

    Attributes:
        values: the parameter values of each network, the first that lead to it.
        places: the place of a network in `values`, by digest.
        options: the options of every parameter.
        sizes: of the networks, one row for each.
    """

    values: list[dict[str, Any]]
    places: dict[str, int]
    options: dict[str, Options]
    sizes: Matrix


class Decoded(NamedTuple):
    """A candidate that the space has: its values, the digest of its network and its sizes."""

    values: dict[str, Any]
    digest: str
    sizes: Vector


def is_small(several: Iterable[Mapping[str, BaseDistribution]]) -> bool:
    """Whether the space of these trials may be small enough to enumerate it."""
    return all(prod(len(options_of(d)) for d in distributions.values()) <= ENUMERATED for distributions in several)


@lru_cache(maxsize=4)
def enumerate_space(decode: Decode) -> Listed | None:
    """All networks of a space; None where it has too many."""

    def network(choose: Choose) -> Decoded:
        values: dict[str, Any] = {}
        genotype = decode(choosers.record_options(choosers.record(choose, values), options))
        return _decoded(values, genotype)

    options: dict[str, Options] = {}
    networks: dict[str, Decoded] = {}
    for count, one in enumerate(islice(choosers.every(network), ENUMERATED + 1)):
        if count == ENUMERATED:
            return None
        networks.setdefault(one.digest, one)
    places = {key: i for i, key in enumerate(networks)}
    return Listed([one.values for one in networks.values()], places, options, np.array([one.sizes for one in networks.values()]))


class Candidate(NamedTuple):
    """A network to compare: the values of a parent, some of them replaced.

    Parameters that only the replacements bring along are missing, and those that they remove are still there: the space says which,
    when the candidate is decoded.
    """

    parent: int
    replaced: Values


def mutations(
    parent: int, values: Values, distributions: Mapping[str, BaseDistribution], count: int, rng: random.Random
) -> list[Candidate]:
    """Candidates with one to three other values than their parent."""
    choices = [(name, options_of(d)) for name, d in distributions.items() if not d.single()]
    found = []
    for _ in range(count if choices else 0):
        replaced: dict[str, Any] = {}
        for name, options in rng.sample(choices, min(rng.choice(CHANGES), len(choices))):
            option = options[rng.randrange(len(options))]
            while same(option, values[name]):
                option = options[rng.randrange(len(options))]
            replaced[name] = option
        found.append(Candidate(parent, replaced))
    return found


def crossovers(parents: Sequence[Values], count: int, rng: random.Random) -> list[Candidate]:
    """Candidates that take each value from one of two parents; values that only one of them has are kept."""
    found = []
    for _ in range(count if len(parents) > 1 else 0):
        a, b = rng.sample(range(len(parents)), 2)
        replaced = {name: value for name, value in parents[a].items() if name not in parents[b] or rng.random() < 0.5}
        found.append(Candidate(b, replaced))
    return found


def completed(decode: Decode, values: Values, rng: random.Random) -> Decoded | None:
    """The network that a candidate leads to, with random values where it has none; None if to no network."""
    try:
        return _decoded(*_taken(decode, values, rng))
    except NasbenchError:
        return None


def random_values(decode: Decode, rng: random.Random) -> dict[str, Any] | None:
    """The values of a random network, which is not traced; None where they lead to no network."""
    try:
        return _taken(decode, {}, rng)[0]
    except NasbenchError:
        return None


def _taken(decode: Decode, values: Values, rng: random.Random) -> tuple[dict[str, Any], Genotype]:
    taken: dict[str, Any] = {}
    genotype = decode(choosers.record(choosers.replay(values, choosers.random_chooser(rng)), taken))
    return taken, genotype


def _decoded(values: dict[str, Any], genotype: Genotype) -> Decoded:
    layers = trace(genotype)
    return Decoded(values, digest_of(layers, genotype.style.init), sizes_of(layers))
