"""What the strategies search: a space, a table of its networks, and limits."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from nasbench.errors import StudyError
from nasbench.evaluate.table import Table, options_key, read_table
from nasbench.genotype import Genotype, digest
from nasbench.pareto import front, hypervolume
from nasbench.search.limits import Limits, Metrics, estimate
from nasbench.spaces import Space, load_space
from nasbench.spaces.choosers import every

MAX_NETWORKS = 100_000  # combinations of a space, which are all listed to know the best network
MARGIN = 0.1  # the reference point lies this share of the front's extent beyond its worst values

Mode = Literal["best", "pareto"]


class Known(NamedTuple):
    """One network of the table.

    Attributes:
        draws: accuracies of independent trainings, shares from 0 to 1; mean: their mean, which counts as the truth.
        metrics: its cost; no latency is known.
    """

    draws: tuple[float, ...]
    mean: float
    metrics: Metrics

    @property
    def macs(self) -> int:
        """Multiply-adds."""
        return self.metrics.macs


@dataclass(frozen=True)
class BenchProblem:
    """A space whose networks a table knows.

    Args:
        space: name or file of the space.
        table: path of the table; see `nasbench.evaluate.table`.
        metric: the column that is the accuracy; by default the one that the table names.
        macs, params: limits; None where there is none.
        mode: `best` searches the most accurate network within the limits, `pareto` the front of accuracy and multiply-adds.

    Raises:
        StudyError: the table cannot be read, the space is too large to list, or no network is within the limits.

    Example:
        >>> problem = BenchProblem("macro", "nas-bench-macro_cifar10.json")
        >>> problem.best.mean
        0.9312666320800781
    """

    space: str
    table: str
    metric: str | None = None
    macs: int | None = None
    params: int | None = None
    mode: Mode = "best"

    @property
    def limits(self) -> Limits:
        return Limits(macs=self.macs, params=self.params)

    @cached_property
    def loaded_space(self) -> Space:
        return load_space(self.space)

    @cached_property
    def read(self) -> Table:
        return read_table(self.table, self.metric)

    @cached_property
    def networks(self) -> Mapping[str, Known]:
        """Every network of the space that the table has, by digest."""
        space, table = self.loaded_space, self.read
        found: dict[str, Known] = {}
        if space.count() > MAX_NETWORKS:
            raise StudyError(f"a benchmark lists all networks of its space, at most {MAX_NETWORKS:,}; {space.name} has more")
        for genotype in every(space.decode):
            name = digest(genotype)
            row = None if name in found else table.networks.get(name if table.key == "digest" else options_key(space, genotype))
            if row is not None:
                found[name] = _known(genotype, row[table.metric], table.scale)
        if not found:
            raise StudyError(f"a table holds networks of the space; {self.table} has none of {space.name}; name its space with --space")
        return found

    def within(self, network: Known) -> bool:
        """Whether a network keeps every limit."""
        return self.limits.judge(network.metrics) == "inside"

    @cached_property
    def best(self) -> Known:
        """The most accurate network within the limits.

        Raises:
            StudyError: no network is within them.
        """
        allowed = [network for network in self.networks.values() if self.within(network)]
        if not allowed:
            raise StudyError(f"no network of {self.space} is within {self.limits.describe()}; allow more")
        return max(allowed, key=lambda network: network.mean)

    @cached_property
    def reference(self) -> tuple[float, float]:
        """The reference point of the hypervolume, (loss, MACs): the nadir of the true front and a tenth of the front's extent more."""
        points = self._points([n for n in self.networks.values() if self.within(n)])
        ends = [[points[i][axis] for i in front(points)] for axis in range(2)]
        return max(ends[0]) + MARGIN * (max(ends[0]) - min(ends[0])), max(ends[1]) + MARGIN * (max(ends[1]) - min(ends[1]))

    @cached_property
    def true_hypervolume(self) -> float:
        return hypervolume(self._points([n for n in self.networks.values() if self.within(n)]), self.reference)

    def hypervolume_share(self, networks: list[Known]) -> float:
        """The hypervolume of networks by their true accuracy, as a share of that of the true front."""
        return hypervolume(self._points(networks), self.reference) / self.true_hypervolume

    def draw(self, network: Known, seed: int) -> float:
        """The accuracy of one simulated training."""
        return random.Random(seed).choice(network.draws)

    @staticmethod
    def _points(networks: list[Known]) -> list[tuple[float, float]]:
        return [(1 - n.mean, float(n.macs)) for n in networks]


def _known(genotype: Genotype, value: float | list[float], scale: float) -> Known:
    draws = tuple(v / scale for v in (value if isinstance(value, list) else [value]))
    return Known(draws, sum(draws) / len(draws), estimate(genotype, None))
