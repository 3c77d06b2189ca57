"""Measurements of a study: made several in a session, kept by digest, brought to the profile's speed."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from nasbench.errors import DeviceError, StudyError
from nasbench.genotype import Genotype
from nasbench.latency import Device, Measurement, is_local, measure
from nasbench.search.engines.choice import EngineChoice

MEASUREMENTS_FILE = "measurements.jsonl"
SECONDS_EACH, LEAST_S, MOST_S = 6.0, 12.0, 40.0  # for the visits of one session
REPEATS = 1  # of what is noisy
WAITS_S = (10.0, 30.0, 60.0, 120.0, 240.0)  # before what other work disturbed is measured again
# A promise leaves room for another session: of 60 winners, measured again in one of their own (benchmarks/contract.py, three runs), five
# came out more than 3 % slower, 4.8 % at most; the standard deviation was 1.7 %. So a network that uses all that is allowed may still miss.
SESSIONS = 1.03
PRIOR = 2  # measurements that say the predictor is right, before any was made

Measure = Callable[[Mapping[str, Genotype]], Mapping[str, Measurement]]


def within(m: Measurement, limit_ms: float) -> bool:
    """Whether another session should find it within the limit too: the whole interval is, and the median leaves room."""
    return max(m.high_ms, SESSIONS * m.median_ms) <= limit_ms


def allowed(limit_ms: float) -> str:
    """The same in words."""
    return f"{limit_ms:g} ms allowed, with {SESSIONS - 1:.0%} to spare for another session"


def measurer(device: Device, say: Callable[[str], None], measured: Callable[..., dict[str, Measurement]] = measure) -> Measure:
    """Measures networks on a device while nothing else of ours runs there; see `repeating`.

    `measured` does it: `measure` on this machine, or a session on another (see measuring_there.py).
    """

    def session(networks: Mapping[str, Genotype]) -> dict[str, Measurement]:
        return measured(networks, device, max_seconds=min(MOST_S, max(LEAST_S, SECONDS_EACH * len(networks))), say=say)

    return repeating(session, say)


def measurable(device: Device, engine: EngineChoice) -> bool:
    """Whether networks can be measured on a device: it is here, or a node of the cluster."""
    return engine.measure_on is not None or is_local(device)


def measurer_for(device: Device, engine: EngineChoice, say: Callable[[str], None]) -> Measure | None:
    """What measures on a device, here or where the engine's choice says; None where it is elsewhere."""
    if engine.measure_on is not None:
        from nasbench.search.measuring_there import session_on

        return measurer(device, say, session_on(engine.measure_on, engine.address, say))
    return measurer(device, say) if is_local(device) else None


def repeating(session: Measure, say: Callable[[str], None], wait: Callable[[float], None] = time.sleep) -> Measure:
    """The same, with noisy measurements made once more; while other work has the cores, it is waited for.

    Raises (when run):
        DeviceError: the other work does not end; no measurement that it disturbed is ever returned.
    """

    def run(networks: Mapping[str, Genotype]) -> dict[str, Measurement]:
        found = dict(session(networks))
        for _ in range(REPEATS):
            noisy = {name: networks[name] for name, m in found.items() if m.noisy}
            if not noisy:
                break
            say(f"{len(noisy)} of {len(networks)} measurements are noisy ({found[next(iter(noisy))].why}): measuring those again")
            found |= session(noisy)
        for seconds in WAITS_S:
            disturbed = {name: networks[name] for name, m in found.items() if m.disturbed}
            if not disturbed:
                return found
            say(f"{found[next(iter(disturbed))].why}: measuring {len(disturbed)} networks again in {seconds:g} s")
            wait(seconds)
            found |= session(disturbed)
        if why := next((m.why for m in found.values() if m.disturbed), ""):
            raise DeviceError(f"measuring needs a quiet machine; {why}; stop other work, then give the same command again: it goes on")
        return found

    return run


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
        return cls(str(row["where"]), str(row["digest"]), float(row["predicted_ms"]), Measurement(**row["measured"]))


class Measurements:
    """`measurements.jsonl` of a study: a line each, only ever appended to. A last line that a kill cut off is ignored.

    Args:
        anchor_ms: of the profile; what is found holds for that speed of the machine.

    Raises:
        StudyError: the file cannot be read, or is damaged.
    """

    def __init__(self, path: Path, anchor_ms: float) -> None:
        self._path, self._anchor_ms = path, anchor_ms
        self._kept: list[Measured] = []
        try:
            data = path.read_bytes() if path.exists() else b""
            self._whole = data.rfind(b"\n") + 1  # bytes of whole lines
            self._kept = [Measured.from_json(json.loads(line)) for line in data[: self._whole].splitlines()]
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
        lines = "".join(json.dumps(row.to_json()) + "\n" for row in rows).encode()
        try:
            with open(self._path, "ab") as file:
                file.truncate(self._whole)
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StudyError(f"cannot write {self._path}: {error.strerror}; free some space and run the same command again") from error
        self._whole += len(lines)
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
        return raw.at_speed(self._anchor_ms)
