"""`measurements.jsonl` of a study: what was measured, by digest, brought to the profile's speed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from nasbench.errors import StudyError
from nasbench.files import JsonLines
from nasbench.latency import Measurement

MEASUREMENTS_FILE = "measurements.jsonl"
PRIOR = 2  # measurements that say the predictor is right, before any was made


@dataclass(frozen=True)
class Measured:
    """A stored measurement.

    Attributes:
        where: the phase that asked for it, `finalists`, or `winner`.
        predicted_ms: before; raw: at the machine's speed of its session.
    """

    where: str
    digest: str
    predicted_ms: float
    raw: Measurement

    def to_json(self) -> dict[str, Any]:
        return {"where": self.where, "digest": self.digest, "predicted_ms": self.predicted_ms, "measured": self.raw.to_json()}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Measured:
        return cls(str(row["where"]), str(row["digest"]), float(row["predicted_ms"]), Measurement.from_json(row["measured"]))


class Measurements:
    """`measurements.jsonl` of a study: a line each, only ever appended to. A last line that a kill cut off is ignored.

    Args:
        reference_ms: of the profile; what is found holds for that speed of the machine.

    Raises:
        StudyError: the file cannot be read, or is damaged.
    """

    def __init__(self, path: Path, reference_ms: float) -> None:
        self._path, self._file, self._reference_ms = path, JsonLines(path), reference_ms
        self._kept: list[Measured] = []
        try:
            self._kept = [Measured.from_json(line) for line in self._file.read()]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StudyError(
                f"a study keeps its measurements in {path}; it cannot be read ({error}); delete it to measure them again"
            ) from None

    def find(self, digest: str, where: str | None = None) -> Measurement | None:
        """The latest measurement of a network, asked for by `where` or by anyone."""
        found = [m for m in self._kept if m.digest == digest and where in (None, m.where)]
        return self.at_speed(found[-1].raw) if found else None

    def all(self) -> list[Measured]:
        """In the order in which they were made."""
        return list(self._kept)

    def raw(self, digest: str) -> Measurement | None:
        """The latest by anyone, at the speed of its session."""
        return next((m.raw for m in reversed(self._kept) if m.digest == digest), None)

    def add(self, rows: list[Measured]) -> None:
        """Append measurements with one write.

        Raises:
            StudyError: the file cannot be written.
        """
        try:
            self._file.append(row.to_json() for row in rows)
        except OSError as error:
            raise StudyError(f"cannot write {self._path}: {error.strerror}; free some space and run the same command again") from error
        self._kept += rows

    def correction(self, where: str) -> float:
        """The factor by which predictions have been wrong where `where` measured: the median, held back while they are few.

        Only unsure networks are measured, chosen by their prediction alone, so they tell whether the predictor leans to one side.
        """
        good = [m for m in self._kept if m.where == where and not m.raw.noisy]
        if not good:
            return 1.0
        lean = median(math.log(self.at_speed(m.raw).median_ms / m.predicted_ms) for m in good)
        return math.exp(lean * len(good) / (len(good) + PRIOR))

    def at_speed(self, raw: Measurement) -> Measurement:
        """A measurement as it would have been when the device was profiled."""
        return raw.at_speed(self._reference_ms)
