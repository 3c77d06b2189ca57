"""Measuring during a search: several networks in one session, again where it was noisy, and later where other work disturbed it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from nasbench.engines.config import EngineConfig
from nasbench.errors import DeviceError
from nasbench.genotype import Genotype
from nasbench.latency import Device, Measurement, is_local, measure

SECONDS_EACH, LEAST_S, MOST_S = 6.0, 12.0, 40.0  # of one session, by the number of networks
REPEATS = 1  # of noisy measurements
WAITS_S = (10.0, 30.0, 60.0, 120.0, 240.0)  # before measurements that other work disturbed are repeated

Measure = Callable[[Mapping[str, Genotype]], Mapping[str, Measurement]]
"""Measures networks by name; a name's latency is in milliseconds, with its interval."""


def measurer(device: Device, say: Callable[[str], None], session: Callable[..., dict[str, Measurement]] = measure) -> Measure:
    """Measures networks on a device while no trial runs there; see `repeating`.

    Args:
        session: `measure` on this machine, or a session on another (see nasbench/engines/ray/measure.py).
    """

    def run(networks: Mapping[str, Genotype]) -> dict[str, Measurement]:
        return session(networks, device, max_seconds=min(MOST_S, max(LEAST_S, SECONDS_EACH * len(networks))), say=say)

    return repeating(run, say)


def measurable(device: Device, engine: EngineConfig) -> bool:
    """Whether networks can be measured on a device: it is here, or a node of the cluster."""
    return engine.measure_on is not None or is_local(device)


def measurer_for(device: Device, engine: EngineConfig, say: Callable[[str], None]) -> Measure | None:
    """What measures on a device, here or on the node that the engine's configuration names; None where it is elsewhere."""
    if engine.measure_on is not None:
        from nasbench.engines.ray.measure import session_on  # Ray is imported only where it is used

        return measurer(device, say, session_on(engine.measure_on, engine.address, say))
    return measurer(device, say) if is_local(device) else None


def repeating(session: Measure, say: Callable[[str], None], wait: Callable[[float], None] = time.sleep) -> Measure:
    """The same measurer, but noisy measurements are made once more, and it waits while other work has the cores.

    Raises (when run):
        DeviceError: the other work does not end; a measurement that it disturbed is never returned.
    """

    def run(networks: Mapping[str, Genotype]) -> dict[str, Measurement]:
        results = dict(session(networks))
        for _ in range(REPEATS):
            noisy = {name: networks[name] for name, m in results.items() if m.noisy}
            if not noisy:
                break
            say(f"{len(noisy)} of {len(networks)} measurements are noisy ({results[next(iter(noisy))].why}): measuring those again")
            results |= session(noisy)
        for seconds in WAITS_S:
            disturbed = {name: networks[name] for name, m in results.items() if m.disturbed}
            if not disturbed:
                return results
            say(f"{results[next(iter(disturbed))].why}: measuring {len(disturbed)} networks again in {seconds:g} s")
            wait(seconds)
            results |= session(disturbed)
        if why := next((m.why for m in results.values() if m.disturbed), ""):
            raise DeviceError(f"measuring needs a quiet machine; {why}; stop other work, then give the same command again: it continues")
        return results

    return run
