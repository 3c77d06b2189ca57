"""Profile: the timings of networks and their kernels on one device, and its file. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench.errors import DeviceError, short
from nasbench.files import MALFORMED, cache_folder, checksum, number, read_json, write_atomic
from nasbench.genotype import digest
from nasbench.latency.device import Device
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.predicting.signature import Signature
from nasbench.latency.runtimes.registry import RUNTIMES

FORMAT = "nasbench device profile"
VERSION = 4
PAST = (2, 3)  # older versions in the same format. Both include the clock in the time of a kernel; 2 returned freed memory to the kernel
MEASURED_ALIKE = 3  # from this version on, whole networks are measured in the same way


@dataclass(frozen=True)
class TimedNetwork:
    """One profiled network.

    Attributes:
        name, digest: of the genotype.
        ms: median latency of a whole run, for the profile's `reference_ms`.
        low_ms, high_ms: interval that holds the median with 95 % confidence.
        n: number of rounds.
        kernels: signature and milliseconds of each kernel within the network. They add up to `ms`; None where the runtime does not time
            layers.
    """

    name: str
    digest: str
    ms: float
    low_ms: float
    high_ms: float
    n: int
    kernels: tuple[tuple[Signature, float | None], ...]

    @property
    def in_place(self) -> bool:
        """Whether each kernel's time is known."""
        return all(ms is not None for _, ms in self.kernels)

    def at_speed(self, factor: float) -> TimedNetwork:
        """The same timings on a machine that is `factor` times as slow."""
        kernels = tuple((s, None if ms is None else ms * factor) for s, ms in self.kernels)
        return TimedNetwork(self.name, self.digest, self.ms * factor, self.low_ms * factor, self.high_ms * factor, self.n, kernels)


@dataclass(frozen=True)
class Profile:
    """Timings of networks and of their layers on one device.

    Attributes:
        device: the device.
        reference_ms: usual time of the reference network; all timings hold for that speed of the machine.
        networks: the timed networks.
        made: day and time, UTC.
        noisy: other work disturbed the profiling; `why` says how. Such a profile is not stored for other searches.
        reference: digest of the reference network.
        base: profile of another device from which this one was adapted, with fewer networks.
        waited: of a noisy profile, the share of the time for which other work kept the cores. Its timings include these waits, so that a
            network takes between `1 - waited` of its predicted time and all of it on a quiet machine.
    """

    device: Device
    reference_ms: float
    networks: tuple[TimedNetwork, ...]
    made: str
    noisy: bool = False
    why: str = ""
    reference: str = digest(REFERENCE)
    base: Profile | None = None
    waited: float = 0.0

    @property
    def fuses(self) -> bool:
        """Whether the runtime runs several layers as one kernel."""
        return RUNTIMES[self.device.runtime].fuses

    @property
    def speed_ms(self) -> float | None:
        """The speed to which measurements are converted: `reference_ms`; None for a noisy profile, which does not show it."""
        return None if self.noisy else self.reference_ms

    @property
    def range_ms(self) -> tuple[float, float]:
        """Milliseconds of the fastest and of the slowest network."""
        return min(n.ms for n in self.networks), max(n.ms for n in self.networks)

    def joined(self, other: Profile) -> Profile:
        """This profile and the networks of another of the same device, brought to this one's speed."""
        factor = self.reference_ms / other.reference_ms
        new = {n.digest: n.at_speed(factor) for n in other.networks}
        own = tuple(n for n in self.networks if n.digest not in new)
        noisy, why = self.noisy or other.noisy, self.why or other.why
        return replace(self, networks=(*own, *new.values()), made=other.made, noisy=noisy, why=why)


def profile_path(device: Device) -> Path:
    """The file of the profile of `device`, in the folder `devices` of the cache folder."""
    return cache_folder() / "devices" / f"{device.key}.json"


def save_profile(profile: Profile, path: Path) -> None:
    """Write the profile as JSON, whole or not at all.

    Raises:
        NasbenchError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeviceError(f"cannot make {path.parent}: {error.strerror}; set NASBENCH_CACHE to a folder you may write to") from error
    body = _body(profile)
    head = {"format": FORMAT, "version": VERSION, "sha256": checksum(body)}
    write_atomic(path, _readable({**head, **body}))


def _body(profile: Profile) -> dict[str, Any]:
    number: dict[Signature, int] = {}
    networks = []
    for n in profile.networks:
        kernels = [[number.setdefault(s, len(number)), None if ms is None else round(ms, 6)] for s, ms in n.kernels]
        head = {"name": n.name, "digest": n.digest, "ms": round(n.ms, 4), "low_ms": round(n.low_ms, 4), "high_ms": round(n.high_ms, 4)}
        networks.append({**head, "n": n.n, "kernels": kernels})
    disturbed = {"disturbed": {"waited": profile.waited, "why": profile.why}} if profile.noisy else {}
    return {
        "made": profile.made,
        "device": profile.device.to_json(),
        "anchor": {"digest": profile.reference, "ms": profile.reference_ms},
        "networks": networks,
        "signatures": [s.to_json() for s in number],
        "base": None if profile.base is None else _body(profile.base),
        **disturbed,
    }


def load_profile(path: Path, *, past: bool = False, again: str = "profile the device again") -> Profile:
    """The profile in a file.

    Args:
        past: also read the older versions `PAST`, to look at a study that began with one.
        again: the advice of an error.

    Raises:
        DeviceError: the file does not exist, is damaged or edited, or comes from another program, version or reference network.
    """
    try:
        data = read_json(path)
    except OSError as error:
        raise DeviceError(f"cannot read the device profile {path}: {error.strerror}; {again}") from error
    except ValueError as error:
        raise DeviceError(f"a device profile is JSON; {path} is damaged: {error}; {again}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DeviceError(f"{path} is not a {FORMAT}; {again}")
    if data.get("version") not in ((VERSION, *PAST) if past else (VERSION,)):
        raise DeviceError(
            f"this nasbench reads version {VERSION} of device profiles; {path} is version {short(data.get('version'))}; {again}"
        )
    body = {k: v for k, v in data.items() if k not in ("format", "version", "sha256")}
    if data.get("sha256") != checksum(body):
        raise DeviceError(f"{path} was changed after it was written: its checksum differs; {again}")
    try:
        profile = _read(body)
    except MALFORMED as error:
        if isinstance(error, DeviceError):
            raise
        raise DeviceError(f"{path} lacks a part of a device profile: {short(error)}; {again}") from error
    if profile.reference != digest(REFERENCE):
        raise DeviceError(f"{path} was made with another reference network, by another nasbench; {again}")
    return profile


def stored_profiles() -> list[tuple[Path, Profile | DeviceError]]:
    """Each profile of the cache folder with its path, or the error that says why it cannot be used."""
    profiles: list[tuple[Path, Profile | DeviceError]] = []
    for path in sorted((cache_folder() / "devices").glob("*.json")):
        try:
            profiles.append((path, load_profile(path)))
        except DeviceError as error:
            profiles.append((path, error))
    return profiles


def _read(body: Mapping[str, Any]) -> Profile:
    signatures = [Signature.from_json(s) for s in body["signatures"]]
    fewest = 1 if "disturbed" in body else 2
    if not body["networks"] or min(int(n["n"]) for n in body["networks"]) < fewest:
        raise ValueError("each of its networks needs several rounds")
    networks = tuple(
        TimedNetwork(
            name=str(n["name"]),
            digest=str(n["digest"]),
            ms=float(number(n["ms"], above=0)),
            low_ms=float(number(n["low_ms"], above=0)),
            high_ms=float(number(n["high_ms"], above=0)),
            n=int(n["n"]),
            kernels=tuple((signatures[i], None if ms is None else float(number(ms))) for i, ms in n["kernels"]),
        )
        for n in body["networks"]
    )
    reference, base, disturbed = body["anchor"], body["base"], body.get("disturbed", {})
    return Profile(
        Device.from_json(body["device"]),
        float(number(reference["ms"], above=0)),
        networks,
        str(body["made"]),
        noisy=bool(disturbed),
        why=str(disturbed.get("why", "")),
        waited=float(disturbed.get("waited", 0.0)),
        reference=str(reference["digest"]),
        base=None if base is None else _read(base),
    )


def _readable(data: Mapping[str, Any]) -> str:
    """JSON with a line for each network and each signature."""
    lines = []
    for key, value in data.items():
        if isinstance(value, list):
            items = ",\n  ".join(
                json.dumps(item, separators=(",", ":")) for item in value
            )  # without spaces, which saves a seventh of the file
            lines.append(f"{json.dumps(key)}: [\n  {items}\n ]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n " + ",\n ".join(lines) + "\n}\n"
