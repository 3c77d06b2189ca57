"""Makes a profile: times whole networks, and each of their kernels within the network. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import BusyError, DeviceError
from nasbench.genotype import Genotype, cost, digest, inference, trace
from nasbench.latency.device import Device
from nasbench.latency.lock import machine_lock
from nasbench.latency.measurement import Measurement, Round, judge_together, undisturbed
from nasbench.latency.measuring.measure import check_local, quiet_machine, time_limit
from nasbench.latency.measuring.measuring_process import run_job
from nasbench.latency.measuring.patience import Patience
from nasbench.latency.predicting.kernel_times import Array
from nasbench.latency.predicting.partial_profile import PartialProfile, Timings
from nasbench.latency.predicting.predict import FEWEST, Predictor, uncovered
from nasbench.latency.predicting.profile import Profile, TimedNetwork, load_profile, profile_path, save_profile
from nasbench.latency.predicting.signature import groups, signatures
from nasbench.latency.runtimes.registry import RUNTIMES
from nasbench.plugins import loaded_plugins

FEWEST_ROUNDS = 4  # undisturbed rounds that a network needs to be used
LEAST_USED = 2 / 3  # share of the networks that must have them
MAX_ERROR = 0.5  # a predictor with a larger error was fitted on noise
NETWORK_S = 3.0  # seconds for the rounds of one network
BUSY_NETWORK_S = 2.0  # the same while other work keeps the machine busy,
BUSY_PROCESSES = 1  # measuring processes at one time then, so that each network that was timed counts,
BUSY_S = 240.0  # and seconds for all of it
MOST_WAITED = 0.95  # share of the time that a profile states as waited
LEAST = 0.1  # share of a kernel's recorded time that is at least the kernel's own

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
    patience: Patience | None = None,
) -> Profile:
    """Time the networks on the local `device` in turns: end to end, and kernel by kernel if the runtime can.

    About 25 networks that resemble those to predict are enough: a sample of the space, and known networks of interest; then `more` of the
    `pool`, those of which the predictor is least sure. Timings are stored as they are made, so that a killed profiling can go on.

    Args:
        pool: networks of which the `more` most unsure ones are timed too.
        base: profile of another device, to adapt: then 10 networks are enough.
        rounds: undisturbed rounds of each network; while other work runs, up to three times as many are tried.
        max_seconds: for all rounds together; 3 s for each network by default.
        progress: called with the number of rounds that are done and of all rounds.
        say: called with a message if another measurement has to be waited for.
        patience: how long to wait until other work leaves the cores; by default the networks are timed at once.

    Raises:
        DeviceError: there are fewer than 5 networks, the device is another machine's, or the measuring process failed.
        BusyError: other work keeps the machine busy, and the patience is over.
    """
    check_local(device)
    if len(genotypes) < FEWEST:
        raise DeviceError(f"a profile needs at least {FEWEST} networks; got {len(genotypes)}; add samples of the space")
    more = min(more, len(pool or ()))
    session = _Session(device, rounds, max_seconds, len(genotypes) + more, progress, say, patience)
    wanted = dict(genotypes)
    session.time(wanted)
    profile = read_timings(device, wanted, session.timings(wanted), base)
    if more and pool and not profile.noisy:
        predictor = Predictor(profile)
        timed = {n.digest for n in profile.networks}
        unsure = {name: predictor.unsure(g) for name, g in pool.items() if digest(g) not in timed}
        wanted |= {name: pool[name] for name in sorted(unsure, key=lambda name: -unsure[name])[:more]}
        session.time(wanted)
        profile = read_timings(device, wanted, session.timings(wanted), base)
    session.partial.clear()
    return profile


class _Session:
    """Times networks that were not timed yet, and stores the timings."""

    def __init__(
        self,
        device: Device,
        rounds: int,
        max_seconds: float | None,
        networks: int,
        progress: Progress | None,
        say: Callable[[str], None] | None,
        patience: Patience | None,
    ) -> None:
        self.device, self.rounds, self.networks, self.progress, self.say = device, rounds, networks, progress, say
        self.patience = patience
        self.each_s = NETWORK_S if max_seconds is None else max_seconds / networks
        self.partial = PartialProfile(device)
        self.resumed = self.partial.groups > 0

    def timings(self, networks: Mapping[str, Genotype]) -> Timings:
        return {name: self.partial.networks[digest(g)] for name, g in networks.items()}

    def time(self, networks: Mapping[str, Genotype]) -> None:
        left = {name: g for name, g in networks.items() if digest(g) not in self.partial.networks}
        done = len(networks) - len(left)
        if done and self.resumed and self.say:
            self.say(f"{done} of {self.networks} networks were timed before this was stopped; going on")
        self.resumed = False
        if not left:
            return
        job = _job(self.device, left, self.rounds, self.each_s * len(left)) | {"first_group": self.partial.groups}

        def on_progress(now: int, of: int) -> None:
            if self.progress:
                self.progress(round((done + len(left) * now / of) * self.rounds), self.networks * self.rounds)

        with quiet_machine(self.device, self.patience, self.say):
            run_job(
                job,
                threads=self.device.threads,
                seconds=time_limit(self.each_s * len(left), len(left), self.device.runtime),
                on_progress=on_progress,
                on_part=lambda part: self.partial.add({digest(networks[name]): timings for name, timings in part.items()}),
            )


def _job(device: Device, genotypes: Mapping[str, Genotype], rounds: int, max_seconds: float) -> dict[str, Any]:
    networks = {name: g.to_yaml() for name, g in genotypes.items()}
    job = {"task": "profile", "device": device.to_json(), "networks": networks}
    return {**job, "rounds": rounds, "max_seconds": max_seconds, "plugins": loaded_plugins()}


def profile_while_busy(
    device: Device,
    genotypes: Mapping[str, Genotype],
    *,
    base: Profile | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Profile:
    """A profile that is made while other work keeps the machine busy: a few networks, timed for a few seconds. It must not be stored.

    Its predictions reach from the time without the waits for a core to the time with them; see `Profile.waited`. Where the time is over
    before all networks were timed, those that were are enough if they are five.

    Raises:
        DeviceError: as `profile_device`.
        BusyError: not even five networks could be timed.
    """
    check_local(device)
    if len(genotypes) < FEWEST:
        raise DeviceError(f"a profile needs at least {FEWEST} networks; got {len(genotypes)}; add samples of the space")
    genotypes = dict(sorted(genotypes.items(), key=lambda item: cost(item[1]).macs))  # quick ones first: the time may not suffice for all
    max_seconds = BUSY_NETWORK_S * len(genotypes)
    job = _job(device, genotypes, FEWEST_ROUNDS, max_seconds) | {"processes": BUSY_PROCESSES}
    timings: Timings = {}
    # Shared: nobody is to measure meanwhile, but trainings cannot disturb this more than the other work does.
    with machine_lock(shared=True, say=say):
        try:
            run_job(job, threads=device.threads, seconds=BUSY_S, on_progress=progress, on_part=timings.update)
        except BusyError:
            if len(timings) < FEWEST:
                raise
    return read_timings(device, {name: g for name, g in genotypes.items() if name in timings}, timings, base)


def read_timings(device: Device, genotypes: Mapping[str, Genotype], timings: Mapping[str, Any], base: Profile | None = None) -> Profile:
    """The profile that the worker's timings make; networks with too few undisturbed rounds are left out."""
    rounds = {name: [Round(*r) for r in timings[name]["visits"]] for name in genotypes}
    good = {name: of_network for name, of_network in rounds.items() if len(undisturbed(of_network)) >= FEWEST_ROUNDS}
    why = ""
    if len(good) < max(FEWEST, LEAST_USED * len(rounds)):
        why = f"other work disturbed {len(rounds) - len(good)} of {len(rounds)} networks"
        good = rounds
    measured = judge_together(good)
    networks = []
    for name in good:
        m, g = measured[name], genotypes[name]
        kernels = _kernels(g, device, good[name], timings[name], m)
        networks.append(TimedNetwork(name, digest(g), m.median_ms, m.low_ms, m.high_ms, m.n, kernels))
    reference_ms = next(iter(measured.values())).reference_ms
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    waits = [r.waited or 0.0 for of_network in good.values() for r in of_network]
    waited = min(MOST_WAITED, median(waits)) if why else 0.0
    profile = Profile(device, reference_ms, tuple(networks), made, bool(why), why, base=base, waited=waited)
    error = Predictor(profile).error
    if not why and error > MAX_ERROR:
        profile = replace(profile, noisy=True, why=f"nine in ten of its networks predict each other only within {error:.0%}")
    return profile


def _kernels(
    g: Genotype, device: Device, rounds: list[Round], timings: Mapping[str, Any], m: Measurement
) -> tuple[tuple[Any, float | None], ...]:
    """Signature and milliseconds of each kernel: the median over the passes, each relative to the round before it, without the clock."""
    layers, fuses = inference(trace(g)), RUNTIMES[device.runtime].fuses
    kernels = signatures(layers, fuses)
    passes, calls = timings["passes"], np.array(timings["calls"])
    if passes[0] is None:
        return tuple((s, None) for s in kernels)
    quiet = set(undisturbed(rounds)) or set(rounds)
    shares = [np.array(p) / r.ms for r, p in zip(rounds, passes, strict=True) if r in quiet]
    times = np.median(shares, axis=0) * m.median_ms
    members = groups(layers) if fuses else [(layer.index,) for layer in layers[1:]]
    times, calls = (np.array([each[list(of_kernel)].sum() for of_kernel in members]) for each in (times, calls))
    return tuple(zip(kernels, without_clock(times, calls, m.median_ms).tolist(), strict=True))


def without_clock(times: Array, calls: NDArray[np.int64], ms: float) -> Array:
    """The recorded `times` of kernels without the clock's own time, so that they add up to `ms`.

    The same time is subtracted from each of the `calls`. onnxruntime's clock adds 5 microseconds to a call, which can be more than half of
    a small network's time. A correction in proportion to the times would subtract most of it from the large kernels, which would then seem
    faster in small networks than in large ones. If `times` add up to less than `ms`, the time between kernels is added to each call
    instead. Each kernel keeps at least the share `LEAST` of its time.
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
    patience: Patience | None = None,
) -> Profile:
    """The stored profile of `device`, extended by those of `genotypes` that it does not cover; a new profile if there is none.

    A file that cannot be used is reported and replaced. A noisy profile is returned, marked as noisy, and not stored. Where other work
    keeps the machine busy, a stored profile is returned as it is.

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
    if old is not None and len(wanted) < FEWEST:  # a new profile needs so many; networks that both share also tie the sessions
        wanted = dict(list((wanted | dict(genotypes)).items())[:FEWEST])
    more = more if old is None else 0
    try:
        new = profile_device(device, wanted, pool=pool, more=more, base=base, progress=progress, say=say, patience=patience)
    except BusyError as error:
        if old is None or patience is None:
            raise
        return _as_it_is(old, str(error), say)
    if old is not None and patience is not None and new.noisy:
        return _as_it_is(old, new.why, say)
    whole = new if old is None else old.joined(new)
    if not whole.noisy:
        save_profile(whole, path)
    return whole


def _as_it_is(stored: Profile, why: str, say: Say | None) -> Profile:
    if say:
        say(f"the stored profile is used as it is, though it does not cover all networks: {why}")
    return stored
