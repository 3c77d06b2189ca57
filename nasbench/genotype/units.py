"""Quantities with units, as people type them: `20ms`, `600M`, `64MiB`, `8min`.

A bare number is refused: seconds read as milliseconds have cost other tools' users their limit.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from nasbench.errors import UnitError, nearest


@dataclass(frozen=True)
class Unit:
    """A kind of quantity: its units as multiples of the first one with factor 1, and an example to show."""

    name: str
    factors: dict[str, float]
    example: str
    needs_unit: bool = True

    def parse(self, text: str) -> float:
        """The value in the base unit.

        Raises:
            UnitError: no number, no unit, an unknown unit, or a value that is not positive and finite.
        """
        rule = f"a {self.name} is a positive number with a unit ({', '.join(self.factors)}), such as {self.example}"
        match = _QUANTITY.fullmatch(str(text).strip())
        if not match:
            raise UnitError(f"{rule}; got {text!r}")
        number, unit = float(match[1]), match[2]
        if not unit and self.needs_unit:
            hint = re.sub(r"^[\d.]+", match[1].lstrip("+-"), self.example)
            raise UnitError(f"{rule}; got {text!r} without a unit; did you mean {hint}?")
        if unit and unit not in self.factors:
            raise UnitError(f"{rule}; got the unit {unit!r}{nearest(unit, self.factors)}")
        value = number * (self.factors[unit] if unit else 1)
        if not (math.isfinite(value) and value > 0):
            raise UnitError(f"{rule}; got {text!r}, which is not positive")
        return value


_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\W\d]*)")

LATENCY = Unit("latency", {"ms": 1.0, "s": 1e3, "us": 1e-3, "µs": 1e-3, "ns": 1e-6}, "20ms")
COUNT = Unit("count", {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}, "600M", needs_unit=False)
MEMORY = Unit(
    "size in memory",
    {"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30},
    "64MiB",
)
DURATION = Unit("duration", {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}, "8min")


def parse_latency(text: str) -> float:
    """Milliseconds: `parse_latency("0.02s") == 20.0`."""
    return LATENCY.parse(text)


def parse_count(text: str) -> int:
    """A count of parameters or MACs: `parse_count("5.3M") == 5_300_000`."""
    return round(COUNT.parse(text))


def parse_memory(text: str) -> int:
    """Bytes: `parse_memory("64MiB") == 67_108_864`."""
    return round(MEMORY.parse(text))


def parse_duration(text: str) -> float:
    """Seconds: `parse_duration("8min") == 480.0`."""
    return DURATION.parse(text)


def show_count(value: float) -> str:
    """`show_count(300_774_272) == "300.8M"`; exact below a thousand."""
    for factor, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.4g}{unit}"
    return f"{value:g}"


def show_memory(value: float) -> str:
    """`show_memory(67_108_864) == "64MiB"`."""
    for factor, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if abs(value) >= factor:
            return f"{value / factor:.4g}{unit}"
    return f"{value:g}B"


def show_duration(seconds: float) -> str:
    """`show_duration(250) == "4 min 10 s"`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
