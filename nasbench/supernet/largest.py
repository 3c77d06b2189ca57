"""Networks with which the shared tensors of a supernet begin: as large as the space allows."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, trace
from nasbench.spaces.choosers import random_chooser, record, record_options, replay
from nasbench.spaces.options import Choose, Options, ParameterValues, ends

Decode = Callable[[Choose], Genotype]

MOST_TRIES = 500  # networks that are looked at


def largest_network(decode: Decode, seed: int = 0) -> Genotype:
    """A network of the space to which no other option of one parameter gives more weights.

    Where sizes do not depend on each other, which is usual, all its layers are the largest of the space. Layers that it does not have
    get their shared tensors when the first network needs them.

    Args:
        decode: see `nasbench.Space.decode`.
        seed: decides the network from which the search begins.

    >>> import nasbench as nb
    >>> g = largest_network(nb.space("tiny").decode)
    >>> [g.stem[0].fields["width"], g.stages[0][0].repeat]
    [16, 2]
    """
    rng = random.Random(seed)
    found = None
    while found is None:
        found = _decoded(decode, {}, rng)
    best, tries, improves = _weights(found[0]), 0, True
    while improves and tries < MOST_TRIES:
        improves = False
        for name in list(found[2]):
            for option in ends(found[2].get(name, ())):
                tries += 1
                other = _decoded(decode, found[1] | {name: option}, rng)
                if other is not None and (weights := _weights(other[0])) > best:
                    found, best, improves = other, weights, True
    return found[0]


def _decoded(decode: Decode, wanted: Mapping[str, Any], rng: random.Random) -> tuple[Genotype, ParameterValues, dict[str, Options]] | None:
    """The network with these values, its values and its options; None if its shapes do not meet or it is above a bound."""
    values: ParameterValues = {}
    options: dict[str, Options] = {}
    try:
        g = decode(record_options(record(replay(wanted, random_chooser(rng)), values), options))
        trace(g)
    except NasbenchError:
        return None
    return g, values, options


def _weights(g: Genotype) -> int:
    return sum(layer.params for layer in trace(g))
