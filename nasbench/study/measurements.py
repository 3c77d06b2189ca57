"""`measurements.jsonl` of a study: the measured latencies of networks, by digest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from nasbench.errors import StudyError
from nasbench.files import MALFORMED, JsonLines
from nasbench.latency import Measurement

MEASUREMENTS_FILE = "measurements.jsonl"
PRIOR = 2  # the correction of predictions starts as if so many measurements had agreed with them


@dataclass(frozen=True)
class Measured:
    """A stored measurement.

    Attributes:
        where: the phase whose candidate was measured, `finalists`, or `winner`.
        predicted_ms: the prediction for the same network.
        raw: the measurement at the speed that the machine had in its session.
        weights: SHA-256 of the delivered weights with which it was made; empty for random weights.
    """

    where: str
    digest: str
    predicted_ms: float
    raw: Measurement
    weights: str = ""

    def to_json(self) -> dict[str, Any]:
        line = {"where": self.where, "digest": self.digest, "predicted_ms": self.predicted_ms, "measured": self.raw.to_json()}
        return line | ({"weights": self.weights} if self.weights else {})

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Measured:
        return cls(
            str(line["where"]),
            str(line["digest"]),
            float(line["predicted_ms"]),
            Measurement.from_json(line["measured"]),
            str(line.get("weights", "")),
        )


class Measurements:
    """The measurements of a study, one a line in its file. Lines are only added; a last line that a kill cut off is ignored.

    Args:
        reference_ms: time of the reference network when the device was profiled. `find` converts measurements to that speed; None leaves
            them as they were made.

    Raises:
        StudyError: the file is damaged or cannot be read.
    """

    def __init__(self, path: Path, reference_ms: float | None) -> None:
        self._file, self._reference_ms = JsonLines(path), reference_ms
        self._all: list[Measured] = []
        try:
            self._all = [Measured.from_json(line) for line in self._file.read()]
        except (OSError, *MALFORMED) as error:
            raise StudyError(
                f"a study keeps its measurements in {path}; it cannot be read ({error}); delete it to measure them again"
            ) from None

    def find(self, digest: str, where: str | None = None) -> Measurement | None:
        """The latest measurement of a network, at the speed of the profile; with `where`, the latest of that phase."""
        measured = [m for m in self._all if m.digest == digest and where in (None, m.where)]
        return self.at_speed(measured[-1].raw) if measured else None

    def weights(self, digest: str, where: str) -> str:
        """The SHA-256 of the weights with which a network was last measured; empty for random ones."""
        return next((m.weights for m in reversed(self._all) if m.digest == digest and m.where == where), "")

    def all(self) -> list[Measured]:
        """All measurements, in the order in which they were made."""
        return list(self._all)

    def raw(self, digest: str) -> Measurement | None:
        """The latest measurement of a network, at the speed of its session."""
        return next((m.raw for m in reversed(self._all) if m.digest == digest), None)

    def add(self, measured: list[Measured]) -> None:
        """Append measurements with one write.

        Raises:
            StudyError: the file cannot be written.
        """
        try:
            self._file.append(m.to_json() for m in measured)
        except OSError as error:
            raise StudyError(f"cannot write {self._file.path}: {error.strerror}; free some space and run the same command again") from error
        self._all += measured

    def correction(self, where: str) -> float:
        """The factor by which measurements of a phase differ from their predictions: the median, nearer to 1 while they are few.

        It tells whether the predictor is biased, because networks are chosen for a measurement by their prediction alone.
        """
        quiet = [m for m in self._all if m.where == where and not m.raw.noisy]
        if not quiet:
            return 1.0
        bias = median(math.log(self.at_speed(m.raw).median_ms / m.predicted_ms) for m in quiet)
        return math.exp(bias * len(quiet) / (len(quiet) + PRIOR))

    def at_speed(self, raw: Measurement) -> Measurement:
        """The measurement as it would have been when the device was profiled."""
        return raw if self._reference_ms is None else raw.at_speed(self._reference_ms)
