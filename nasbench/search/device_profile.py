"""The device's profile for a space: stored, or made now."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nasbench.errors import DeviceError, GenotypeError, LimitError
from nasbench.genotype import Genotype, digest
from nasbench.latency import (
    Device,
    Predictor,
    Profile,
    load_or_profile,
    load_profile,
    local_device,
    profile_device,
    profile_path,
    save_profile,
)  # fmt: skip
from nasbench.latency.runtimes.registry import RUNTIMES
from nasbench.search.reporting import Listener
from nasbench.spaces import Space
from nasbench.study.directory import PROFILE_FILE
from nasbench.zoo import known

NETWORKS = 56  # of a profile: one to two minutes
ADAPTED = 16  # of one that is adapted from another device's
POOL = 150  # samples among which the predictor finds those that it is least sure of
FAMILIAR = ("mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "mnasnet_a1", "mobilenet_v3_large", "shufflenet_v2_x1_0", "resnet18")


def obtain_profile(
    device: Device, space: Space, listener: Listener, *, again: bool = False, base: Profile | None = None, networks: int | None = None
) -> Profile:
    """The stored profile of `device`, completed for `space` where it does not reach; or a new one.

    A runtime that does not say what a layer takes is profiled by whole networks, adapted from torch's eager on the same device.

    Args:
        again: measure even where a profile is stored.
        base: profile of another device, to adapt from with fewer networks; a new profile is made.
        networks: how many to time for a new profile.

    Raises:
        DeviceError: the device cannot be measured, the machine was too busy, or too few networks.
    """
    if base is None and not RUNTIMES[device.runtime].layers:
        eager = local_device(device.threads, device.batch, "eager", device.precision, device.memory_format, device.kind)
        stored = None if again or networks is not None else stored_profile(device)
        base = obtain_profile(eager, space, listener) if stored is None else stored.base
    count = networks or (NETWORKS if base is None else ADAPTED)
    first, pool, more = _to_time(space, count, FAMILIAR if base is None else FAMILIAR[: count // 4])
    listener.stage(f"profile of {device}")
    told: dict[str, Any] = {"pool": pool, "more": more, "base": base, "progress": listener.rounds, "say": listener.say}
    anew = again or networks is not None
    found = profile_device(device, first, **told) if anew else load_or_profile(device, first, **told)
    if found.noisy:
        raise DeviceError(f"a profile needs a quiet machine; {found.why}; stop other work, then give the same command again")
    if anew:
        save_profile(found, profile_path(device))
    return found


def studied_profile(study: Path) -> Profile:
    """The device profile that a study began with, and goes on with.

    Raises:
        DeviceError: it cannot be read, or is of an older version.
    """
    return load_profile(study / PROFILE_FILE, again="a study goes on as it began: begin another one, under another --name")


def stored_profile(device: Device) -> Profile | None:
    """What is stored of a device; None where nothing is, or nothing that can be used."""
    try:
        return load_profile(profile_path(device))
    except DeviceError:
        return None


def _to_time(space: Space, count: int, familiar: Sequence[str]) -> tuple[dict[str, Genotype], dict[str, Genotype], int]:
    """What is timed at first, what then may be, and how many of that: a quarter of `count` networks in all.

    Raises:
        DeviceError: too few networks to learn from.
    """
    if not 10 <= count <= 1000:
        raise DeviceError(f"a profile takes 10 to 1000 networks; got {count}; {ADAPTED} to adapt one, {NETWORKS} for a new one are usual")
    more = count // 4
    fresh = max(3, count - more - len(familiar))
    drawn = list(samples(space, fresh + POOL).items())
    return {**dict(drawn[:fresh]), **{name: known(name) for name in familiar}}, dict(drawn[fresh:]), more


def held_out(profile: Profile, space: Space, count: int, familiar: int, seed: int) -> dict[str, Genotype]:
    """Networks that were not profiled: `count` of the space, and at most `familiar` known ones that the profile reaches, of all speeds.

    Raises:
        LimitError: the space has too few.
    """
    seen = {n.digest for n in profile.networks}
    drawn = {f"{name}, seed {seed}": g for name, g in samples(space, count + len(seen), seed).items() if digest(g) not in seen}
    found = dict(list(drawn.items())[:count])
    if len(found) < min(count, 3):
        raise LimitError(f"a check needs networks that were not profiled; {space.name} has {len(found)} of them; check in another space")
    predictor = Predictor(profile)
    timed = {name: (predictor.predict(g), g) for name in known() if digest(g := known(name)) not in seen}
    near = sorted((name for name, (p, _) in timed.items() if not p.extrapolated), key=lambda name: timed[name][0].ms)
    several = min(familiar, len(near))
    return found | {(name := near[i * len(near) // several]): timed[name][1] for i in range(several)}


def samples(space: Space, count: int, seed: int = 0) -> dict[str, Genotype]:
    """Networks of the space to profile with, no two alike; the same for everyone. Fewer where the space has no more.

    Raises:
        LimitError: none that was drawn is a network.
    """
    rng, why = random.Random(seed), ""
    found: dict[str, Genotype] = {}
    seen: set[str] = set()
    for i in range(10 * count):
        g = space.sample(rng)
        try:
            same = digest(g)
        except GenotypeError as error:
            why = str(error)
            continue
        if same in seen:
            continue
        seen.add(same)
        found[f"{space.name} {i}"] = g
        if len(found) == count:
            break
    if not found:
        raise LimitError(f"none of {10 * count} samples of {space.name} is a network; the last: {why}")
    return found
