"""Measurements of a study: made several in a session, kept by digest, brought to the profile's speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from nasbench.engines.config import EngineConfig
from nasbench.errors import DeviceError
from nasbench.genotype import Genotype
from nasbench.latency import Device, Measurement, is_local, measure
from nasbench.latency.contract import leaves_room, requirement

SECONDS_EACH, LEAST_S, MOST_S = 6.0, 12.0, 40.0  # for the rounds of one session
REPEATS = 1  # of what is noisy
WAITS_S = (10.0, 30.0, 60.0, 120.0, 240.0)  # before what other work disturbed is measured again

Measure = Callable[[Mapping[str, Genotype]], Mapping[str, Measurement]]


def within(m: Measurement, limit_ms: float) -> bool:
    """Whether another session should find it within the limit too: the whole interval is, and the median leaves room."""
    return leaves_room(m, limit_ms)


def allowed(limit_ms: float) -> str:
    """The same in words."""
    return requirement(limit_ms)


def measurer(device: Device, say: Callable[[str], None], measured: Callable[..., dict[str, Measurement]] = measure) -> Measure:
    """Measures networks on a device while nothing else of ours runs there; see `repeating`.

    `measured` does it: `measure` on this machine, or a session on another (see measuring_there.py).
    """

    def session(networks: Mapping[str, Genotype]) -> dict[str, Measurement]:
        return measured(networks, device, max_seconds=min(MOST_S, max(LEAST_S, SECONDS_EACH * len(networks))), say=say)

    return repeating(session, say)


def measurable(device: Device, engine: EngineConfig) -> bool:
    """Whether networks can be measured on a device: it is here, or a node of the cluster."""
    return engine.measure_on is not None or is_local(device)


def measurer_for(device: Device, engine: EngineConfig, say: Callable[[str], None]) -> Measure | None:
    """What measures on a device, here or where the engine's choice says; None where it is elsewhere."""
    if engine.measure_on is not None:
        from nasbench.engines.ray.measure import session_on

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
