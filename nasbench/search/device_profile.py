"""The profile of a device for a space: read from the cache, or measured; and the networks that profile and check a predictor."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nasbench.errors import BusyError, DeviceError, GenotypeError, LimitError
from nasbench.genotype import Genotype, digest
from nasbench.latency import (
    Device,
    Patience,
    Predictor,
    Profile,
    load_or_profile,
    load_profile,
    local_device,
    profile_device,
    profile_path,
    save_profile,
)  # fmt: skip
from nasbench.latency.measuring.other_work import other_work
from nasbench.latency.predicting.profiling import profile_while_busy
from nasbench.latency.runtimes.registry import RUNTIMES
from nasbench.search.reporting import Listener
from nasbench.spaces import Space
from nasbench.study.directory import PROFILE_FILE
from nasbench.zoo import known

DEFAULT_SPACE = "mbconv"  # whose networks profile a device where no search chooses a space
NETWORKS = 56  # of a new profile, which takes one to two minutes
ADAPTED = 16  # of a profile that is adapted from another device's
WHILE_BUSY = 12  # of a profile that is made on a busy machine; three quarters of them are timed
FEWEST, MOST = 10, 1000  # networks of a profile
POOL = 150  # samples among which profiling finds the networks whose predictions are least sure
FAMILIAR = ("mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "mnasnet_a1", "mobilenet_v3_large", "shufflenet_v2_x1_0", "resnet18")


def obtain_profile(
    device: Device,
    space: Space,
    listener: Listener,
    *,
    again: bool = False,
    base: Profile | None = None,
    networks: int | None = None,
    patience: Patience | None = None,
) -> Profile:
    """The stored profile of `device`, extended where it does not cover `space`; or a new one.

    A runtime that does not report the time of each layer is profiled by whole networks; its profile is adapted from that of
    torch's eager runtime on the same device.

    Args:
        again: measure even if a profile is stored.
        base: the profile of another device, from which a new profile is adapted with fewer networks.
        networks: how many networks to time for a new profile.
        patience: how long to wait for a quiet machine. When it is over, a stored profile is used as it is; without one, a few networks are
            timed on the busy machine, and the profile is marked as noisy and not stored. By default a busy machine is an error.

    Raises:
        DeviceError: the device cannot be measured, the machine was too busy, or there are too few networks.
    """
    if base is None and not RUNTIMES[device.runtime].layers:
        eager = local_device(device.threads, device.batch, "eager", device.precision, device.memory_format, device.kind)
        stored = None if again or networks is not None else stored_profile(device)
        base = obtain_profile(eager, space, listener, patience=patience) if stored is None else stored.base
    count = networks or (NETWORKS if base is None else ADAPTED)
    timing = _networks_to_time(space, count, FAMILIAR if base is None else FAMILIAR[: count // 4])
    listener.stage(f"profile of {device}")
    options: dict[str, Any] = {"pool": timing.pool, "more": timing.more, "base": base, "progress": listener.rounds, "say": listener.say}
    is_new = again or networks is not None
    make = profile_device if is_new else load_or_profile
    try:
        profile = make(device, timing.first, **options, patience=patience)
    except BusyError as error:
        if patience is None or is_new:
            raise
        few = _networks_to_time(space, WHILE_BUSY, FAMILIAR[: WHILE_BUSY // 4]).first
        listener.say(f"{error}; now {len(few)} networks are timed on the busy machine, for rough predictions")
        profile = profile_while_busy(device, few, base=base, progress=listener.rounds, say=listener.say)
    if profile.noisy and patience is None:
        raise DeviceError(f"a profile needs a quiet machine; {profile.why}; {other_work()}; stop that, then give the same command again")
    if profile.noisy:
        listener.say(
            f"this profile is rough and serves this search only: {profile.why}; other work kept the cores {profile.waited:.0%} of the time"
        )
    if is_new:
        save_profile(profile, profile_path(device))
    return profile


def studied_profile(study: Path) -> Profile:
    """The device profile that a study began with, and continues with.

    Raises:
        DeviceError: the profile cannot be read, or is of an older version.
    """
    return load_profile(study / PROFILE_FILE, again="a study continues as it began: begin another one, under another --name")


def stored_profile(device: Device) -> Profile | None:
    """The profile of a device in the cache; None if there is none that can be used."""
    try:
        return load_profile(profile_path(device))
    except DeviceError:
        return None


class _Timing(NamedTuple):
    """The networks that are timed first, and the pool from which profiling chooses `more` others."""

    first: dict[str, Genotype]
    pool: dict[str, Genotype]
    more: int


def _networks_to_time(space: Space, count: int, familiar: Sequence[str]) -> _Timing:
    """Networks for a profile of `count` networks in all; a quarter of them is chosen during profiling.

    Raises:
        DeviceError: too few networks to learn from, or too many.
    """
    if not FEWEST <= count <= MOST:
        raise DeviceError(
            f"a profile takes {FEWEST} to {MOST} networks; got {count}; usual are {ADAPTED} to adapt a profile and {NETWORKS} for a new one"
        )
    more = count // 4
    fresh = max(3, count - more - len(familiar))
    sampled = list(samples(space, fresh + POOL).items())
    return _Timing({**dict(sampled[:fresh]), **{name: known(name) for name in familiar}}, dict(sampled[fresh:]), more)


def held_out(profile: Profile, space: Space, count: int, familiar: int, seed: int) -> dict[str, Genotype]:
    """Networks that were not profiled, to check predictions.

    Args:
        count: how many networks of the space.
        familiar: how many known networks, at most; they are of all speeds, and the profile covers them.

    Raises:
        LimitError: the space has too few.
    """
    profiled = {network.digest for network in profile.networks}
    sampled = {name: g for name, g in samples(space, count + len(profiled), seed).items() if digest(g) not in profiled}
    networks = {f"{name}, seed {seed}": g for name, g in list(sampled.items())[:count]}
    if len(networks) < min(count, 3):
        raise LimitError(
            f"a check needs networks that were not profiled; {space.name} has {len(networks)} of them; check with another space"
        )
    predictor = Predictor(profile)
    others = {name: g for name in known() if digest(g := known(name)) not in profiled}
    predictions = {name: predictor.predict(g) for name, g in others.items()}
    covered = sorted((name for name, p in predictions.items() if not p.extrapolated), key=lambda name: predictions[name].ms)
    chosen = min(familiar, len(covered))
    return networks | {(name := covered[i * len(covered) // chosen]): others[name] for i in range(chosen)}


def samples(space: Space, count: int, seed: int = 0) -> dict[str, Genotype]:
    """Different networks of the space, the same on every machine; fewer if the space has no more.

    Raises:
        LimitError: none of the samples is a network.
    """
    rng, why = random.Random(seed), ""
    networks: dict[str, Genotype] = {}
    digests: set[str] = set()
    for i in range(10 * count):
        g = space.sample(rng)
        try:
            name = digest(g)
        except GenotypeError as error:
            why = str(error)
            continue
        if name in digests:
            continue
        digests.add(name)
        networks[f"{space.name} {i}"] = g
        if len(networks) == count:
            break
    if not networks:
        raise LimitError(f"none of {10 * count} samples of {space.name} is a network; the last one: {why}")
    return networks
