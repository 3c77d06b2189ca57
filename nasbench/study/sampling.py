"""Proposals: genotypes with the parameter values that led to them, and how to find one that is new."""

from __future__ import annotations

import random
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from optuna.distributions import BaseDistribution

from nasbench.errors import NasbenchError, SpaceError, nearest
from nasbench.genotype import Genotype, digest
from nasbench.spaces import choosers
from nasbench.spaces.choosers import random_chooser, record, record_options, replay
from nasbench.spaces.options import Choose, Options, same, show
from nasbench.strategies.base import Decode, distribution

# How `unseen` looks for a new network: by so many mutations, then random draws, then networks of the enumeration.
MUTANTS = 32
RANDOM_DRAWS = 64
ENUMERATED = 10_000


@dataclass(frozen=True)
class Proposal:
    """A genotype with the values that led to it.

    Attributes:
        params: the value of each parameter, in the order in which the space chose them.
        distributions: the options of each parameter, as Optuna stores them.
    """

    genotype: Genotype
    digest: str
    params: dict[str, Any]
    distributions: dict[str, BaseDistribution]


def propose(decode: Decode, choose: Choose) -> Proposal:
    """The proposal that a chooser leads to.

    Args:
        decode: the method of a space.

    Raises:
        NasbenchError: the values lead to no network, because shapes do not fit together.
    """
    params: dict[str, Any] = {}
    options: dict[str, Options] = {}
    genotype = decode(record_options(record(choose, params), options))
    return Proposal(genotype, digest(genotype), params, {name: distribution(values) for name, values in options.items()})


def retrace(decode: Decode, values: Mapping[str, Any]) -> Proposal:
    """The proposal that given values lead to, such as those of `space.encode`.

    Raises:
        SpaceError: a value is missing or is not an option, or the network has no such parameter.
    """

    def choose(name: str, options: Options) -> Any:
        if name not in values:
            raise SpaceError(f"a network of this space has a value for {name}; it is missing; give one of {show(options)}")
        if not any(same(values[name], option) for option in options):
            raise SpaceError(f"{name} is one of {show(options)}; got {values[name]!r}")
        return values[name]

    proposal = propose(decode, choose)
    for name in values:
        if name not in proposal.params:
            raise SpaceError(f"the network of these values has no parameter {name!r}{nearest(name, proposal.params)}")
    return proposal


def mutation(parent: Proposal, rng: random.Random) -> Choose:
    """A chooser that changes one value of `parent` to another option. Parameters that the parent does not have get random values."""
    return choosers.mutation(parent.params, [name for name, d in parent.distributions.items() if not d.single()], rng)


def every(decode: Decode) -> Iterator[Proposal]:
    """All proposals of a space, where the last parameters change fastest. Values that lead to no network are left out."""
    return choosers.every(lambda choose: propose(decode, choose))


def unseen(decode: Decode, seen: Container[str], start: Mapping[str, Any], rng: random.Random) -> Proposal | None:
    """A proposal that is new: first by a series of mutations that begins at the values `start`, then at random, then by enumeration.

    Args:
        seen: digests of the networks that are not new.

    Returns:
        None when the space holds no new network, or none was found in a space of more than 10,000 combinations.
    """
    mutant = _valid(decode, replay(start, random_chooser(rng)))
    for _ in range(MUTANTS):
        if mutant is None:
            break
        if mutant.digest not in seen:
            return mutant
        mutant = _valid(decode, mutation(mutant, rng)) or mutant
    for _ in range(RANDOM_DRAWS):
        proposal = _valid(decode, random_chooser(rng))
        if proposal is not None and proposal.digest not in seen:
            return proposal
    return next((proposal for proposal in islice(every(decode), ENUMERATED) if proposal.digest not in seen), None)


def _valid(decode: Decode, choose: Choose) -> Proposal | None:
    """The proposal, or None if the values lead to no network."""
    try:
        return propose(decode, choose)
    except NasbenchError:
        return None
