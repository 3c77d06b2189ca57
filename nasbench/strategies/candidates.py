"""Candidates: networks that a strategy may propose, of which those are left out that a trial has, or that the limits would refuse."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from optuna.study import Study

from nasbench.errors import NasbenchError
from nasbench.genotype import digest
from nasbench.spaces.choosers import mutation, random_chooser, record, record_options, replay
from nasbench.spaces.options import Choose, Options
from nasbench.strategies.base import Decode
from nasbench.strategies.excess import excess_model

DRAWS = 4  # of a sampler that may propose the same few networks again and again
PATIENCE = 8  # mutations in vain after which one more value changes


class Candidate(NamedTuple):
    """A network that a strategy may propose.

    Attributes:
        values: the value of each parameter, in the order in which the space asks for them.
        options: the options of each parameter.
        digest: identity of the network.
        draw: which draw led to it.
        violation: by how much it is expected to exceed the limits; 0 inside.
    """

    values: dict[str, Any]
    options: dict[str, Options]
    digest: str
    draw: int = 0
    violation: float = 0.0

    @property
    def open(self) -> list[str]:
        """The parameters with several options."""
        return [name for name, options in self.options.items() if len(options) > 1]


def candidate(decode: Decode, choose: Choose, draw: int = 0) -> Candidate | None:
    """The network that a chooser leads to; None if its values lead to no network."""
    values: dict[str, Any] = {}
    options: dict[str, Options] = {}
    try:
        genotype = decode(record_options(record(choose, values), options))
        return Candidate(values, options, digest(genotype), draw)
    except NasbenchError:
        return None


class Candidates:
    """What the trials of a phase say about candidates.

    Attributes:
        seen: the digests of all networks so far, running ones too.
        excess: predicts which networks the limits would refuse.
    """

    def __init__(self, study: Study, number: int, decode: Decode) -> None:
        """
        Args:
            number: of the trial that is being proposed.
            decode: the method of the space.
        """
        self._decode = decode
        trials = [t for t in study.get_trials(deepcopy=False) if t.number != number]
        self.seen = {t.user_attrs["digest"] for t in trials if t.user_attrs.get("digest")}
        self.excess = excess_model(study, trials)

    def new(self, draw: Callable[[], Choose], attempts: int) -> Candidate | None:
        """The first of several draws that is a new network, whatever the limits are; None where none is new."""
        several = (candidate(self._decode, draw(), number) for number in range(attempts))
        return next((drawn for drawn in several if drawn is not None and drawn.digest not in self.seen), None)

    def promising(self, draw: Callable[[int], Choose], attempts: int) -> Candidate | None:
        """The first of several draws that is a new network and is expected within the limits.

        Args:
            draw: gives the chooser of a draw by its number, from 0.
            attempts: how many draws there are.

        Returns:
            Where all new ones are expected outside, the one that is expected to exceed the limits least; None where none is new.
        """
        nearest: Candidate | None = None
        for number in range(attempts):
            drawn = candidate(self._decode, draw(number), number)
            if drawn is None or drawn.digest in self.seen:
                continue
            drawn = drawn._replace(violation=self.excess.violation(drawn.values))
            if drawn.violation == 0:
                return drawn
            if nearest is None or drawn.violation < nearest.violation:
                nearest = drawn
        return nearest

    def promising_near(self, draw: Callable[[], Choose], attempts: int, rng: random.Random) -> Candidate | None:
        """Like `promising`, but after a few draws their mutations follow; where none is new, the first draw is returned.

        Args:
            draw: gives the chooser of a draw, which may be dear and may lead to the same networks again and again.
        """
        draws: list[Candidate] = []

        def choose(attempt: int) -> Choose:
            if attempt < DRAWS:
                drawn = candidate(self._decode, draw(), attempt)
                draws.extend([] if drawn is None else [drawn])
                return random_chooser(rng) if drawn is None else replay(drawn.values, random_chooser(rng))
            if not draws:
                return random_chooser(rng)
            parent = rng.choice(draws)
            return mutation(parent.values, parent.open, rng, 1 + (attempt - DRAWS) // PATIENCE)

        return self.promising(choose, attempts) or (draws[0] if draws else None)
