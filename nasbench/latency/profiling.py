"""Making a profile: whole networks, and each of their layers in place. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype, digest, trace
from nasbench.genotype.plugins import loaded_plugins
from nasbench.latency.child import run_job
from nasbench.latency.device import Device
from nasbench.latency.layer_times import LayerTimes
from nasbench.latency.lock import machine_lock
from nasbench.latency.measure import check_local, time_limit
from nasbench.latency.measurement import Measurement, Visit, calm, judge_together
from nasbench.latency.predict import FEWEST, Predictor, outside, timings
from nasbench.latency.profile import Profile, TimedNetwork, load_profile, profile_path, save_profile
from nasbench.latency.signature import signatures

FEWEST_VISITS = 4  # undisturbed ones that make a network's timing worth having
MOST_LEFT = 2 / 3  # of the networks must have them
MAX_ERROR = 0.5  # a predictor worse than that was fitted on noise


def profile_device(
    device: Device,
    genotypes: Mapping[str, Genotype],
    *,
    rounds: int = 6,
    max_seconds: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Profile:
    """Time the networks on the local `device`, end to end and layer by layer, in turns.

    About 25 networks that resemble those to predict are enough: a sample of the space, and the known ones of interest.

    Args:
        rounds: undisturbed visits of each network; where other work runs, up to three times as many are tried.
        max_seconds: for the rounds together.
        progress: told (done, total) rounds.
        say: told when another measurement has to be waited for.

    Raises:
        DeviceError: fewer than 5 networks, the device is another machine's, or the measuring process failed.
    """
    check_local(device)
    if len(genotypes) < FEWEST:
        raise DeviceError(f"a profile needs at least {FEWEST} networks; got {len(genotypes)}; add samples of the space")
    job = {
        "task": "profile",
        "device": device.to_json(),
        "networks": {name: g.to_yaml() for name, g in genotypes.items()},
        "rounds": rounds,
        "max_seconds": max_seconds,
        "plugins": loaded_plugins(),
    }
    with machine_lock(say=say):
        found = run_job(job, threads=device.threads, seconds=time_limit(max_seconds, len(genotypes)), on_progress=progress)
    return read_timings(device, genotypes, found)


def read_timings(device: Device, genotypes: Mapping[str, Genotype], found: Mapping[str, Any]) -> Profile:
    """The profile that the worker's visits and passes make; networks with too few undisturbed visits are left out."""
    visits = {name: [Visit(*v) for v in found[name]["visits"]] for name in genotypes}
    good = {name: several for name, several in visits.items() if len(calm(several)) >= FEWEST_VISITS}
    why = ""
    if len(good) < max(FEWEST, MOST_LEFT * len(visits)):
        why = f"other work disturbed {len(visits) - len(good)} of {len(visits)} networks"
        good = visits
    measured = judge_together(good)
    networks = []
    for name in good:
        m = measured[name]
        layers = zip(signatures(trace(genotypes[name])), _layer_times(good[name], found[name]["passes"], m).tolist(), strict=True)
        networks.append(TimedNetwork(name, digest(genotypes[name]), m.median_ms, m.low_ms, m.high_ms, m.n, tuple(layers)))
    anchor_ms = next(iter(measured.values())).anchor_ms
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    profile = Profile(device, anchor_ms, tuple(networks), made, bool(why), why)
    error = Predictor(profile).error
    if not why and error > MAX_ERROR:
        profile = replace(profile, noisy=True, why=f"nine in ten of its networks predict each other only within {error:.0%}")
    return profile


def _layer_times(visits: list[Visit], passes: list[list[float]], m: Measurement) -> np.ndarray:
    """Milliseconds of each layer but the input: its median share of a pass, of the network's time.

    Shares, since a clock around each layer slows the network a little, and since the machine's speed drops out of them.
    """
    quiet = set(calm(visits))
    times = np.array([p for v, p in zip(visits, passes, strict=True) if v in quiet] or passes)[:, 1:]
    shares = np.median(times / times.sum(axis=1, keepdims=True), axis=0)
    return np.asarray(shares / shares.sum() * m.median_ms)


def load_or_profile(
    device: Device,
    genotypes: Mapping[str, Genotype],
    *,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Profile:
    """The stored profile of `device`, completed by what it does not cover of `genotypes`; made and stored where there is none.

    A file that cannot be used is said and replaced. A noisy profile is returned, marked, and not stored.

    Raises:
        DeviceError: see `profile_device`.
    """
    path = profile_path(device)
    old: Profile | None = None
    if path.exists():
        try:
            old = load_profile(path)
        except DeviceError as error:
            if say:
                say(f"{error}: doing so now")
    wanted = dict(genotypes) if old is None else uncovered(old, genotypes)
    if old is not None and not wanted:
        return old
    if old is not None and len(wanted) < FEWEST:  # the anchor ties two sessions together; so do a few shared networks
        wanted = dict(list((wanted | dict(genotypes)).items())[:FEWEST])
    new = profile_device(device, wanted, progress=progress, say=say)
    whole = new if old is None else old.joined(new)
    if not whole.noisy:
        save_profile(whole, path)
    return whole


def uncovered(profile: Profile, genotypes: Mapping[str, Genotype]) -> dict[str, Genotype]:
    """Those that the profile can only extrapolate to."""
    times, timed = LayerTimes(timings(profile.networks)), {n.digest for n in profile.networks}
    found = {}
    for name, g in genotypes.items():
        layers = signatures(trace(g))
        guessed = [s for s in layers if not times.knows(s)]
        if digest(g) not in timed and outside(profile.range_ms, float(times(layers).sum()), guessed):
            found[name] = g
    return found
