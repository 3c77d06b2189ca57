"""Measuring during a search: several networks in one session, again where it was noisy, and later where other work disturbed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from nasbench.engines.config import EngineConfig
from nasbench.genotype import Genotype
from nasbench.latency import Device, Measurement, Patience, is_local, measure

SECONDS_EACH, LEAST_S, MOST_S = 6.0, 12.0, 40.0  # of one session, by the number of networks
NONE: Mapping[str, Path] = MappingProxyType({})
REPEATS = 1  # of noisy measurements
PATIENCE_S = 480.0  # of commands that have no time limit
PATIENCE_SHARE, LEAST_PATIENCE_S, MOST_PATIENCE_S = 1 / 8, 20.0, 900.0  # of a search, as a share of its time


class Measure(Protocol):
    """Measures networks by name; a name's latency is in milliseconds, with its interval."""

    def __call__(self, networks: Mapping[str, Genotype], weights: Mapping[str, Path] = ..., /) -> Mapping[str, Measurement]:
        """The latency of each network.

        Args:
            weights: files of the weights that are delivered with a network; the others are measured with random weights.
        """


def search_patience(time_s: float, say: Callable[[str], None]) -> Patience:
    """How long a search may wait for other work to end: an eighth of its time, all waits together. Then it goes on with predictions."""
    seconds = min(MOST_PATIENCE_S, max(LEAST_PATIENCE_S, PATIENCE_SHARE * time_s))
    return Patience(seconds, say, "then the search goes on with predicted latencies")


def measurer(
    device: Device,
    say: Callable[[str], None],
    session: Callable[..., dict[str, Measurement]] | None = None,
    patience: Patience | None = None,
) -> Measure:
    """Measures networks on a device while no trial runs there; see `repeating`.

    Args:
        session: a session on another machine (see nasbench/engines/ray/measure.py); by default `measure` on this one, which waits for a
            quiet machine.
        patience: how long it may wait for other work to end; by default 8 minutes.
    """
    patience = patience or Patience(PATIENCE_S, say)
    once = session or partial(measure, patience=patience)

    def run(networks: Mapping[str, Genotype], weights: Mapping[str, Path] = NONE, /) -> dict[str, Measurement]:
        own: dict[str, Any] = {"weights": weights} if weights and session is None else {}  # another machine does not have the files
        return once(networks, device, max_seconds=min(MOST_S, max(LEAST_S, SECONDS_EACH * len(networks))), say=say, **own)

    return repeating(run, say, patience)


def measurable(device: Device, engine: EngineConfig) -> bool:
    """Whether networks can be measured on a device: it is here, or a node of the cluster."""
    return engine.measure_on is not None or is_local(device)


def measurer_for(device: Device, engine: EngineConfig, say: Callable[[str], None], patience: Patience | None = None) -> Measure | None:
    """What measures on a device, here or on the node that the engine's configuration names; None where it is elsewhere."""
    if engine.measure_on is not None:
        from nasbench.engines.ray.measure import session_on  # Ray is imported only where it is used

        left_s = PATIENCE_S if patience is None else patience.left_s
        there = Patience(left_s, say, who=lambda: f"other work on the node with {engine.measure_on} keeps its cores")
        return measurer(device, say, session_on(engine.measure_on, engine.address, say), there)
    return measurer(device, say, patience=patience) if is_local(device) else None


def repeating(session: Measure, say: Callable[[str], None], patience: Patience) -> Measure:
    """The same measurer, but noisy measurements are made once more, and it waits while other work has the cores.

    Raises (when run):
        BusyError: the other work does not end; a measurement that it disturbed is never returned.
    """

    def again(networks: Mapping[str, Genotype], weights: Mapping[str, Path]) -> Mapping[str, Measurement]:
        own = {name: path for name, path in weights.items() if name in networks}
        return session(networks, own) if own else session(networks)

    def run(networks: Mapping[str, Genotype], weights: Mapping[str, Path] = NONE, /) -> dict[str, Measurement]:
        results = dict(again(networks, weights))
        for _ in range(REPEATS):
            noisy = {name: networks[name] for name, m in results.items() if m.noisy and not m.disturbed}
            if not noisy:
                break
            say(f"{len(noisy)} of {len(networks)} measurements are noisy ({results[next(iter(noisy))].why}): measuring those again")
            results |= again(noisy, weights)
        while disturbed := {name: networks[name] for name, m in results.items() if m.disturbed}:
            patience.after_disturbance(results[next(iter(disturbed))].why)
            results |= again(disturbed, weights)
        patience.undisturbed()
        return results

    return run
