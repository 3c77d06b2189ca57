"""A draw is a genotype with the answers that led to it and the options they had; and how to find one that is new."""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nasbench.errors import NasbenchError, SpaceError, nearest
from nasbench.genotype import Genotype, digest
from nasbench.spaces import choosers
from nasbench.spaces.choosers import random_chooser, replay
from nasbench.spaces.options import Choose, Options, same, show

Decode = Callable[[Choose], Genotype]

MUTANTS = 32
RANDOM_DRAWS = 64
ENUMERATED = 10_000


@dataclass(frozen=True)
class Proposal:
    """A genotype, its digest, and the answers by label in the order they were asked, with Optuna's word for their options."""

    genotype: Genotype
    digest: str
    params: dict[str, Any]
    distributions: dict[str, BaseDistribution]


def draw(decode: Decode, choose: Choose) -> Proposal:
    """Walk through a space by `choose`; `decode` is the space's.

    Raises:
        NasbenchError: the answers lead to no network (shapes that do not meet).
    """
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}

    def remember(label: str, options: Options) -> Any:
        params[label] = choose(label, options)
        distributions[label] = distribution(options)
        return params[label]

    genotype = decode(remember)
    return Proposal(genotype, digest(genotype), params, distributions)


def distribution(options: Options) -> BaseDistribution:
    """Optuna's word for a list of options or a `range`."""
    if isinstance(options, range):
        return IntDistribution(min(options), max(options), step=abs(options.step))
    return CategoricalDistribution(options)


def retrace(decode: Decode, answers: Mapping[str, Any]) -> Proposal:
    """The draw that given answers lead to, as `space.encode` gives them.

    Raises:
        SpaceError: an answer that is missing, not among the options, or never asked for.
    """

    def choose(label: str, options: Options) -> Any:
        if label not in answers:
            raise SpaceError(f"a network of this space answers {label}; the answer is missing; give one of {show(options)}")
        if not any(same(answers[label], option) for option in options):
            raise SpaceError(f"{label} is one of {show(options)}; got {answers[label]!r}")
        return answers[label]

    found = draw(decode, choose)
    for label in answers:
        if label not in found.params:
            raise SpaceError(f"the network of these answers has no open field {label!r}{nearest(label, found.params)}")
    return found


def mutation(parent: Proposal, rng: random.Random) -> Choose:
    """One value of `parent` changed to another option; parameters that only the mutant has are drawn at random."""
    return choosers.mutation(parent.params, [name for name, d in parent.distributions.items() if not d.single()], rng)


def every(decode: Decode) -> Iterator[Proposal]:
    """All draws of a space, the last parameters changing fastest; values that lead to no network are left out."""
    return choosers.every(lambda choose: draw(decode, choose))


def unseen(decode: Decode, seen: Container[str], start: Mapping[str, Any], rng: random.Random) -> Proposal | None:
    """A network whose digest is not in `seen`: a walk of mutations from the answers `start`, then random, then one by one.

    None when the space holds nothing else (or when nothing else could be found, in spaces above 10,000 networks).
    """
    at = _valid(decode, replay(start, random_chooser(rng)))
    for _ in range(MUTANTS):
        if at is None:
            break
        if at.digest not in seen:
            return at
        at = _valid(decode, mutation(at, rng)) or at
    for _ in range(RANDOM_DRAWS):
        found = _valid(decode, random_chooser(rng))
        if found is not None and found.digest not in seen:
            return found
    return next((d for d in islice(every(decode), ENUMERATED) if d.digest not in seen), None)


def _valid(decode: Decode, choose: Choose) -> Proposal | None:
    try:
        return draw(decode, choose)
    except NasbenchError:
        return None
