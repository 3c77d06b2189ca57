"""Making a profile: whole networks, and each of their kernels in place. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype, digest, inference, trace
from nasbench.latency.device import Device
from nasbench.latency.lock import machine_lock
from nasbench.latency.measurement import Measurement, Visit, calm, judge_together
from nasbench.latency.measuring.measure import check_local, time_limit
from nasbench.latency.measuring.measuring_process import run_job
from nasbench.latency.predicting.kernel_times import Array
from nasbench.latency.predicting.partial_profile import Found, Kept
from nasbench.latency.predicting.predict import FEWEST, Predictor
from nasbench.latency.predicting.profile import Profile, TimedNetwork, load_profile, profile_path, save_profile
from nasbench.latency.predicting.signature import groups, signatures
from nasbench.latency.runtimes.registry import RUNTIMES
from nasbench.plugins import loaded_plugins

FEWEST_VISITS = 4  # undisturbed ones that make a network's timing worth having
MOST_LEFT = 2 / 3  # of the networks must have them
MAX_ERROR = 0.5  # a predictor worse than that was fitted on noise
NETWORK_S = 3.0  # for the visits of one
LEAST = 0.1  # of what a clock says of a kernel is the kernel

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


def profile_device(
    device: Device,
    genotypes: Mapping[str, Genotype],
    *,
    pool: Mapping[str, Genotype] | None = None,
    more: int = 0,
    base: Profile | None = None,
    rounds: int = 6,
    max_seconds: float | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Profile:
    """Time the networks on the local `device`, end to end and where the runtime can kernel by kernel, in turns.

    About 25 networks that resemble those to predict are enough: a sample of the space, and the known ones of interest; then
    `more` of the `pool`, those of which the predictor is least sure. What is timed is kept: after a kill it goes on.

    Args:
        base: profile of another device, to adapt from: then 10 networks do.
        rounds: undisturbed visits of each network; where other work runs, up to three times as many are tried.
        max_seconds: for the visits together; without it, 3 s a network.
        progress: told (done, total) rounds.
        say: told when another measurement has to be waited for.

    Raises:
        DeviceError: fewer than 5 networks, the device is another machine's, or the measuring process failed.
    """
    check_local(device)
    if len(genotypes) < FEWEST:
        raise DeviceError(f"a profile needs at least {FEWEST} networks; got {len(genotypes)}; add samples of the space")
    more = min(more, len(pool or ()))
    session = _Session(device, rounds, max_seconds, len(genotypes) + more, progress, say)
    wanted = dict(genotypes)
    session.time(wanted)
    found = read_timings(device, wanted, session.found(wanted), base)
    if more and pool and not found.noisy:
        predictor = Predictor(found)
        timed = {n.digest for n in found.networks}
        unsure = {name: predictor.unsure(g) for name, g in pool.items() if digest(g) not in timed}
        wanted |= {name: pool[name] for name in sorted(unsure, key=lambda name: -unsure[name])[:more]}
        session.time(wanted)
        found = read_timings(device, wanted, session.found(wanted), base)
    session.kept.clear()
    return found


class _Session:
    """Times networks that were not timed yet, and keeps what it found."""

    def __init__(
        self,
        device: Device,
        rounds: int,
        max_seconds: float | None,
        networks: int,
        progress: Progress | None,
        say: Callable[[str], None] | None,
    ) -> None:
        self.device, self.rounds, self.networks, self.progress, self.say = device, rounds, networks, progress, say
        self.each_s = NETWORK_S if max_seconds is None else max_seconds / networks
        self.kept = Kept(device)
        self.resumed = self.kept.groups > 0

    def found(self, networks: Mapping[str, Genotype]) -> Found:
        return {name: self.kept.found[digest(g)] for name, g in networks.items()}

    def time(self, networks: Mapping[str, Genotype]) -> None:
        left = {name: g for name, g in networks.items() if digest(g) not in self.kept.found}
        done = len(networks) - len(left)
        if done and self.resumed and self.say:
            self.say(f"{done} of {self.networks} networks were timed before this was stopped; going on")
        self.resumed = False
        if not left:
            return
        job = {
            "task": "profile",
            "device": self.device.to_json(),
            "networks": {name: g.to_yaml() for name, g in left.items()},
            "rounds": self.rounds,
            "max_seconds": self.each_s * len(left),
            "first_group": self.kept.groups,
            "plugins": loaded_plugins(),
        }

        def told(now: int, of: int) -> None:
            if self.progress:
                self.progress(round((done + len(left) * now / of) * self.rounds), self.networks * self.rounds)

        with machine_lock(say=self.say):
            run_job(
                job,
                threads=self.device.threads,
                seconds=time_limit(self.each_s * len(left), len(left), self.device.runtime),
                on_progress=told,
                on_part=lambda part: self.kept.add({digest(networks[name]): timings for name, timings in part.items()}),
            )


def read_timings(device: Device, genotypes: Mapping[str, Genotype], found: Mapping[str, Any], base: Profile | None = None) -> Profile:
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
        m, g = measured[name], genotypes[name]
        kernels = _kernels(g, device, good[name], found[name], m)
        networks.append(TimedNetwork(name, digest(g), m.median_ms, m.low_ms, m.high_ms, m.n, kernels))
    anchor_ms = next(iter(measured.values())).anchor_ms
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    profile = Profile(device, anchor_ms, tuple(networks), made, bool(why), why, base=base)
    error = Predictor(profile).error
    if not why and error > MAX_ERROR:
        profile = replace(profile, noisy=True, why=f"nine in ten of its networks predict each other only within {error:.0%}")
    return profile


def _kernels(
    g: Genotype, device: Device, visits: list[Visit], found: Mapping[str, Any], m: Measurement
) -> tuple[tuple[Any, float | None], ...]:
    """Signature and milliseconds of each kernel: its median over the passes, each against the visit before it, without the clock."""
    layers, fuses = inference(trace(g)), RUNTIMES[device.runtime].fuses
    kernels = signatures(layers, fuses)
    passes, calls = found["passes"], np.array(found["calls"])
    if passes[0] is None:
        return tuple((s, None) for s in kernels)
    quiet = set(calm(visits)) or set(visits)
    seen = [np.array(p) / v.ms for v, p in zip(visits, passes, strict=True) if v in quiet]
    times = np.median(seen, axis=0) * m.median_ms
    members = groups(layers) if fuses else [(layer.index,) for layer in layers[1:]]
    times, calls = (np.array([each[list(some)].sum() for some in members]) for each in (times, calls))
    return tuple(zip(kernels, without_clock(times, calls, m.median_ms).tolist(), strict=True))


def without_clock(times: Array, calls: NDArray[np.int64], ms: float) -> Array:
    """The `times` of kernels less what a clock adds to each of their `calls`, as much to each, so that they add up to `ms`.

    onnxruntime's clock adds 5 microseconds to a call, more than half to a small network's time; in proportion to the times, that
    would be taken from the large kernels, and they would seem the faster the smaller their network is. Where `times` add up to
    less than `ms`, what passes between kernels is added to each call. No kernel loses all of its time.
    """
    least = LEAST * times
    free = calls > 0
    while True:
        each = (times[free].sum() + least[~free].sum() - ms) / max(calls[free].sum(), 1)
        still = free & (times - each * calls >= least)
        if (still == free).all():
            break
        free = still
    left: Array = np.where(free, times - each * calls, least)
    left *= ms / left.sum()
    return left


def load_or_profile(
    device: Device,
    genotypes: Mapping[str, Genotype],
    *,
    pool: Mapping[str, Genotype] | None = None,
    more: int = 0,
    base: Profile | None = None,
    progress: Progress | None = None,
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
    new = profile_device(device, wanted, pool=pool, more=more if old is None else 0, base=base, progress=progress, say=say)
    whole = new if old is None else old.joined(new)
    if not whole.noisy:
        save_profile(whole, path)
    return whole


def uncovered(profile: Profile, genotypes: Mapping[str, Genotype]) -> dict[str, Genotype]:
    """Those that the profile can only extrapolate to."""
    timed, predictor = {n.digest for n in profile.networks}, Predictor(profile)
    return {name: g for name, g in genotypes.items() if digest(g) not in timed and predictor.predict(g).extrapolated}
