"""The networks that a fit trains, and the file `candidates.json` that stores them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nasbench.errors import StudyError
from nasbench.files import MALFORMED, write_atomic
from nasbench.genotype import Genotype
from nasbench.scaling_fit.directions import BASE, Shares, show_shares

TOLERANCE = 0.10  # the share by which a cost may differ from the wanted one

# Attributes whose keys in candidates.json have other names.
_KEYS = {"wanted_shares": "asked", "shares": "got"}


@dataclass(frozen=True)
class Candidate:
    """A network that grew in one direction until its cost was near the wanted one.

    Attributes:
        direction: the name of the direction.
        wanted_shares: the shares of depth, width and resolution in the growth, before rounding.
        size: the wanted cost as a multiple of the base's cost.
        genotype: YAML.
        macs: multiply-adds.
        params: parameters.
        side: the side of the input in pixels.
        ratio: the actual cost as a multiple of the base's cost.
        growth: the factor by which the multiply-adds grew.
        shares: the shares after rounding; they sum to 1 for every network that grew.
    """

    direction: str
    wanted_shares: Shares
    size: float
    genotype: str
    digest: str
    macs: int
    params: int
    side: int
    ratio: float
    growth: float
    shares: Shares

    @property
    def network(self) -> Genotype:
        """The genotype, read from its YAML."""
        return Genotype.from_yaml(self.genotype)

    @property
    def deviation(self) -> float:
        """The share by which the cost differs from the wanted one."""
        return abs(self.ratio / self.size - 1)

    @property
    def within_tolerance(self) -> bool:
        """Whether the cost differs by at most a tenth from the wanted one."""
        return self.deviation <= TOLERANCE

    def __str__(self) -> str:
        if self.direction == BASE:
            return BASE
        return f"{self.direction}, {self.size:g} times the cost: depth, width, resolution {show_shares(self.shares)}"

    def to_json(self) -> dict[str, Any]:
        """An entry of `candidates.json`."""
        return {_KEYS.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Candidate:
        """The candidate of an entry of `candidates.json`."""
        attributes = {key: name for name, key in _KEYS.items()}
        values: dict[str, Any] = {attributes.get(key, key): value for key, value in data.items()}
        return cls(**{**values, "wanted_shares": tuple(values["wanted_shares"]), "shares": tuple(values["shares"])})

    def record(self, latency_ms: float | None) -> dict[str, Any]:
        """What the ledger stores with the accuracy of a trial of this network."""
        record = {
            "origin": str(self),
            "direction": self.direction,
            "size": self.size,
            "ratio": self.ratio,
            "growth": self.growth,
            "shares": list(self.shares),
            "side": self.side,
            "macs": self.macs,
            "params_count": self.params,
        }
        return record if latency_ms is None else record | {"latency_ms": latency_ms}


def write_candidates(path: Path, candidates: Mapping[str, Sequence[Candidate]]) -> None:
    """Store the candidates of each phase."""
    data = {phase: [candidate.to_json() for candidate in of_phase] for phase, of_phase in candidates.items()}
    write_atomic(path, json.dumps(data, indent=1) + "\n")


def read_candidates(path: Path) -> dict[str, list[Candidate]]:
    """The stored candidates of each phase.

    Raises:
        StudyError: the file is missing or damaged.
    """
    try:
        data = json.loads(path.read_text())
        return {phase: [Candidate.from_json(entry) for entry in entries] for phase, entries in data.items()}
    except (OSError, *MALFORMED) as error:
        raise StudyError(
            f"a fit stores its networks in {path}; it cannot be read ({error}); restore it, or choose another --name"
        ) from None
