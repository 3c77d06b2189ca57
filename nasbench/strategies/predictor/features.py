"""Parameter values as vectors, for every space, also where parameters exist only under some values of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.spaces.options import Options

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# The similarity of the first and the last option of a numeric parameter is exp(-DECAY); of the others it follows from their ranks.
DECAY = 2.0


@dataclass(frozen=True, eq=False)
class Rows:
    """Networks as a regression sees them.

    Attributes:
        options: which option each parameter has, (n, p): rows of length one, or of zeros for a network that is like no other.
        sizes: their sizes, (n, s), see `sizes_of`; a regression standardises them.
    """

    options: Matrix
    sizes: Matrix

    @classmethod
    def without_sizes(cls, options: Matrix) -> Rows:
        """Rows of which only the options are known."""
        return cls(options, np.zeros((len(options), 0)))

    @property
    def has_sizes(self) -> bool:
        """Whether the sizes are there."""
        return bool(self.sizes.shape[1])

    def __len__(self) -> int:
        return len(self.options)

    def __getitem__(self, index: Any) -> Rows:
        """The rows of a slice, a mask or a sequence of places."""
        return Rows(self.options[index], self.sizes[index])

    def joined(self, others: Rows) -> Rows:
        """These rows, then the others."""
        return Rows(np.concatenate([self.options, others.options]), np.concatenate([self.sizes, others.sizes]))


class _Block(NamedTuple):
    """The columns `start` to `stop` of one parameter, and for each option its vector of length one."""

    start: int
    stop: int
    vectors: dict[tuple[bool, Any], Vector]


class Features:
    """Vectors of parameter values. The product of two vectors is the share of parameters in which two networks agree.

    A parameter has a unit vector for each option. Options that are no numbers are orthogonal. Numbers are the more alike the nearer
    their ranks are, so that a width of 24 says something about a width of 32. A parameter that a network does not have is zero.
    """

    def __init__(self) -> None:
        self._blocks: dict[str, _Block] = {}
        self.width = 0

    def add(self, several: Mapping[str, Options]) -> None:
        """Make room for parameters, given with their options. One that has a single option tells no networks apart."""
        for name, options in several.items():
            if name not in self._blocks and len(options) > 1:
                vectors = {_key(option): vector for option, vector in zip(options, _vectors(options), strict=True)}
                self._blocks[name] = _Block(self.width, self.width + len(options), vectors)
                self.width += len(options)

    def raw(self, values: Mapping[str, Any], begin: Vector | None = None) -> Vector:
        """The vector of a network before its length is set to one.

        Args:
            begin: the vector of another network, whose values those of `values` replace.
        """
        vector = np.zeros(self.width)
        if begin is not None:
            vector[: len(begin)] = begin
        for name, value in values.items():
            block = self._blocks.get(name)
            if block is not None:
                option = block.vectors.get(_key(value))
                if option is not None:
                    vector[block.start : block.stop] = option
        return vector

    def rows(self, several: Sequence[Mapping[str, Any]]) -> Matrix:
        """One row of length one for each network; of zeros for one without values."""
        return normalised(np.array([self.raw(values) for values in several]).reshape(len(several), self.width))


def normalised(raw: Matrix) -> Matrix:
    """Rows of length one; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("ij,ij->i", raw, raw))
    return raw / np.where(lengths > 0, lengths, 1.0)[:, None]


def _key(option: Any) -> tuple[bool, Any]:
    """True differs from 1, and False from 0; see `nasbench.spaces.options.same`."""
    return isinstance(option, bool), option


def _vectors(options: Sequence[Any]) -> Matrix:
    n = len(options)
    if n < 3 or not all(isinstance(option, int | float) and not isinstance(option, bool) for option in options):
        return np.eye(n)
    rank = np.argsort(np.argsort(np.asarray(options, float))) / (n - 1)
    return np.linalg.cholesky(np.exp(-DECAY * np.abs(rank[:, None] - rank[None, :])))
