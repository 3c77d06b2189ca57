"""Profile: what was timed on a device, and its file. No torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench.errors import DeviceError
from nasbench.files import cache_folder, write_atomic
from nasbench.genotype import digest
from nasbench.latency.device import Device
from nasbench.latency.measuring.reference_network import ANCHOR
from nasbench.latency.predicting.signature import Signature
from nasbench.latency.runtimes.registry import RUNTIMES

FORMAT = "nasbench device profile"
VERSION = 4
PAST = (2, 3)  # in the same format: 2 of a measuring process that gave freed memory back, both of kernels timed with the clock
MEASURED_ALIKE = 3  # whole networks, from this version on


@dataclass(frozen=True)
class TimedNetwork:
    """One profiled network.

    Attributes:
        name, digest: of the genotype.
        ms: of a whole run, end to end, at the profile's `anchor_ms`.
        low_ms, high_ms: hold the median with 95 % confidence.
        n: visits behind it.
        kernels: signature and milliseconds of each kernel where it stands; they add up to `ms`. None where the runtime does not say.
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
        """Timed on a machine `factor` times as slow."""
        kernels = tuple((s, None if ms is None else ms * factor) for s, ms in self.kernels)
        return TimedNetwork(self.name, self.digest, self.ms * factor, self.low_ms * factor, self.high_ms * factor, self.n, kernels)


@dataclass(frozen=True)
class Profile:
    """Timings of networks and of their layers on one device.

    Attributes:
        device: what was timed.
        anchor_ms: of the anchor network meanwhile; all timings hold for that speed of the machine.
        networks: timed ones.
        made: day and time, UTC.
        noisy: other work disturbed it; then `why` says how, and it is not stored.
        anchor: digest of the anchor network.
        base: profile of another device from which this one's was adapted, with fewer networks.
    """

    device: Device
    anchor_ms: float
    networks: tuple[TimedNetwork, ...]
    made: str
    noisy: bool = False
    why: str = ""
    anchor: str = digest(ANCHOR)
    base: Profile | None = None

    @property
    def fuses(self) -> bool:
        """Whether the runtime does several layers in one kernel."""
        return RUNTIMES[self.device.runtime].fuses

    @property
    def range_ms(self) -> tuple[float, float]:
        """Of the fastest and the slowest network."""
        return min(n.ms for n in self.networks), max(n.ms for n in self.networks)

    def joined(self, other: Profile) -> Profile:
        """This profile and the networks of another of the same device, brought to this one's speed."""
        factor = self.anchor_ms / other.anchor_ms
        new = {n.digest: n.at_speed(factor) for n in other.networks}
        kept = tuple(n for n in self.networks if n.digest not in new)
        noisy, why = self.noisy or other.noisy, self.why or other.why
        return replace(self, networks=(*kept, *new.values()), made=other.made, noisy=noisy, why=why)


def profile_path(device: Device) -> Path:
    """Where the profile of `device` is kept: `devices` in the cache folder."""
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
    head = {"format": FORMAT, "version": VERSION, "sha256": _checksum(body)}
    write_atomic(path, _readable({**head, **body}))


def _body(profile: Profile) -> dict[str, Any]:
    number: dict[Signature, int] = {}
    networks = []
    for n in profile.networks:
        kernels = [[number.setdefault(s, len(number)), None if ms is None else round(ms, 6)] for s, ms in n.kernels]
        head = {"name": n.name, "digest": n.digest, "ms": round(n.ms, 4), "low_ms": round(n.low_ms, 4), "high_ms": round(n.high_ms, 4)}
        networks.append({**head, "n": n.n, "kernels": kernels})
    return {
        "made": profile.made,
        "device": profile.device.to_json(),
        "anchor": {"digest": profile.anchor, "ms": profile.anchor_ms},
        "networks": networks,
        "signatures": [s.to_json() for s in number],
        "base": None if profile.base is None else _body(profile.base),
    }


def load_profile(path: Path, *, past: bool = False, again: str = "profile the device again") -> Profile:
    """The profile in a file.

    Args:
        past: also one of an older version, see `PAST`: to look at a study that had it.
        again: what an error advises.

    Raises:
        DeviceError: no such file, or it is damaged, edited, of another program, version or anchor.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeviceError(f"cannot read the device profile {path}: {error.strerror}; {again}") from error
    except ValueError as error:
        raise DeviceError(f"a device profile is JSON; {path} is damaged: {error}; {again}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DeviceError(f"{path} is no {FORMAT}; {again}")
    if data.get("version") not in ((VERSION, *PAST) if past else (VERSION,)):
        raise DeviceError(f"this nasbench reads version {VERSION} of device profiles; {path} is version {data.get('version')!r}; {again}")
    body = {k: v for k, v in data.items() if k not in ("format", "version", "sha256")}
    if data.get("sha256") != _checksum(body):
        raise DeviceError(f"{path} was changed after it was written: its checksum differs; {again}")
    try:
        profile = _read(body)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, DeviceError):
            raise
        raise DeviceError(f"{path} lacks a part of a device profile: {error!r}; {again}") from error
    if profile.anchor != digest(ANCHOR):
        raise DeviceError(f"{path} was made with another anchor network, by another nasbench; {again}")
    return profile


def stored_profiles() -> list[tuple[Path, Profile | DeviceError]]:
    """Every profile of the cache folder by its path, or why it cannot be used."""
    found: list[tuple[Path, Profile | DeviceError]] = []
    for path in sorted((cache_folder() / "devices").glob("*.json")):
        try:
            found.append((path, load_profile(path)))
        except DeviceError as error:
            found.append((path, error))
    return found


def _read(body: Mapping[str, Any]) -> Profile:
    signatures = [Signature.from_json(s) for s in body["signatures"]]
    if not body["networks"] or min(int(n["n"]) for n in body["networks"]) < 2:
        raise ValueError("each of its networks needs several visits")
    networks = tuple(
        TimedNetwork(
            name=str(n["name"]),
            digest=str(n["digest"]),
            ms=float(n["ms"]),
            low_ms=float(n["low_ms"]),
            high_ms=float(n["high_ms"]),
            n=int(n["n"]),
            kernels=tuple((signatures[i], None if ms is None else float(ms)) for i, ms in n["kernels"]),
        )
        for n in body["networks"]
    )
    anchor, base = body["anchor"], body["base"]
    return Profile(
        Device.from_json(body["device"]),
        float(anchor["ms"]),
        networks,
        str(body["made"]),
        anchor=str(anchor["digest"]),
        base=None if base is None else _read(base),
    )


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _readable(data: Mapping[str, Any]) -> str:
    """JSON with one network and one signature a line."""
    lines = []
    for key, value in data.items():
        if isinstance(value, list):
            items = ",\n  ".join(json.dumps(item, separators=(",", ":")) for item in value)  # thousands: a seventh of the file is saved
            lines.append(f"{json.dumps(key)}: [\n  {items}\n ]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n " + ",\n ".join(lines) + "\n}\n"
