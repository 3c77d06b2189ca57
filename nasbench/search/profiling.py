"""The device's profile for a space: stored, or made now."""

from __future__ import annotations

import random

from nasbench.errors import BudgetError, DeviceError, GenotypeError
from nasbench.genotype import Genotype, digest, trace
from nasbench.latency import Device, Predictor, Profile, load_or_profile, profile_device, profile_path, save_profile
from nasbench.latency.runtimes import RUNTIMES
from nasbench.search.arms import Listener
from nasbench.spaces import Space
from nasbench.zoo import known

NETWORKS = 20  # of the space; with the known ones, the profile takes about half a minute
FAMILIAR = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "mnasnet_a1", "efficientnet_b0", "shufflenet_v2_x1_0", "resnet18")


def obtain_profile(device: Device, space: Space, listener: Listener, *, again: bool = False) -> Profile:
    """The stored profile of `device`, completed for `space` where it does not reach; or a new one.

    Raises:
        DeviceError: the device cannot be measured, or its runtime does not say what a layer takes.
    """
    if not RUNTIMES[device.runtime].layers:
        able = [name for name, runtime in RUNTIMES.items() if runtime.layers and device.kind in runtime.kinds]
        raise DeviceError(f"a profile needs the times of layers, which {device.runtime} does not say; use the runtime {' or '.join(able)}")
    networks = {**samples(space), **{name: known(name) for name in FAMILIAR}}
    listener.stage(f"profile of {device}")
    if again:
        found = profile_device(device, networks, progress=listener.rounds, say=listener.say)
        if found.noisy:
            raise DeviceError(f"a profile needs a quiet machine; {found.why}; stop other work and profile again")
        save_profile(found, profile_path(device))
        return found
    found = load_or_profile(device, networks, progress=listener.rounds, say=listener.say)
    if found.noisy:
        listener.say(f"the machine was busy while it was profiled ({found.why}): predictions are rough, and the profile is not stored")
    return found


def held_out(profile: Profile, space: Space, count: int, familiar: int, seed: int) -> dict[str, Genotype]:
    """Networks that were not profiled: `count` of the space, and at most `familiar` known ones that the profile reaches, of all speeds.

    Raises:
        BudgetError: the space has too few.
    """
    seen = {n.digest for n in profile.networks}
    drawn = {f"{name}, seed {seed}": g for name, g in samples(space, count + len(seen), seed).items() if digest(g) not in seen}
    found = dict(list(drawn.items())[:count])
    if len(found) < min(count, 3):
        raise BudgetError(f"a check needs networks that were not profiled; {space.name} has {len(found)} of them; check in another space")
    predictor = Predictor(profile)
    timed = {name: (predictor.predict(g), g) for name in known() if digest(g := known(name)) not in seen}
    near = sorted((name for name, (p, _) in timed.items() if not p.extrapolated), key=lambda name: timed[name][0].ms)
    several = min(familiar, len(near))
    return found | {(name := near[i * len(near) // several]): timed[name][1] for i in range(several)}


def samples(space: Space, count: int = NETWORKS, seed: int = 0) -> dict[str, Genotype]:
    """Networks of the space to profile with; the same for everyone.

    Raises:
        BudgetError: none that was drawn is a network.
    """
    rng, why = random.Random(seed), ""
    found: dict[str, Genotype] = {}
    for i in range(10 * count):
        g = space.sample(rng)
        try:
            trace(g)
        except GenotypeError as error:
            why = str(error)
            continue
        found[f"{space.name} {i}"] = g
        if len(found) == count:
            break
    if not found:
        raise BudgetError(f"none of {10 * count} samples of {space.name} is a network; the last: {why}")
    return found
