"""The device that the options of a command ask for. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nasbench.errors import DeviceError, nearest
from nasbench.latency.device import MAX_BATCH, MAX_THREADS, Device, local_device
from nasbench.latency.predicting.profile import Profile, load_profile
from nasbench.latency.runtimes.registry import KINDS, check_runtime


@dataclass(frozen=True)
class DeviceConfig:
    """A device of this machine, or one whose profile is in a file.

    Of a device in a file all attributes but the first are as the file has them by default; given ones must agree with it.

    Attributes:
        device: `cpu`, `cuda`, or the path of a profile.
        runtime: `eager` by default.
        threads: of the runtime on a CPU; all cores by default.
        batch: images in one run; 1 by default.
        precision: `fp32` by default.
        memory_format: `contiguous` by default.

    Raises:
        DeviceError: an impossible value, or a combination that the runtime does not run.
    """

    device: str = "cpu"
    runtime: str | None = None
    threads: int | None = None
    batch: int | None = None
    precision: str | None = None
    memory_format: str | None = None

    def __post_init__(self) -> None:
        if not self.is_file:
            if self.device not in KINDS:
                raise DeviceError(f"a device is cpu, cuda or a profile's file; got {self.device!r}{nearest(self.device, KINDS)}")
            for name, default in (("runtime", "eager"), ("batch", 1), ("precision", "fp32"), ("memory_format", "contiguous")):
                if getattr(self, name) is None:
                    object.__setattr__(self, name, default)
            check_runtime(str(self.runtime), self.device, str(self.precision), str(self.memory_format))
        for name, most in (("threads", MAX_THREADS), ("batch", MAX_BATCH)):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= most:
                raise DeviceError(f"--{name} is a whole number from 1 to {most}; got {value}")
        if self.device == "cuda" and self.threads is not None:
            raise DeviceError(f"--threads are those of a CPU's runtime; got {self.threads} for cuda; leave it out")

    @property
    def is_file(self) -> bool:
        """Whether a file describes the device."""
        return self.device not in KINDS and ("/" in self.device or self.device.endswith(".json") or Path(self.device).is_file())

    def resolve(self) -> tuple[Device, Profile | None]:
        """The device; and its profile, if it comes from a file.

        Raises:
            DeviceError: this machine has no such device; the file cannot be used; or it holds another device than the options ask for.
        """
        if not self.is_file:
            given = {k: v for k, v in asdict(self).items() if k != "device"}
            return local_device(**given, kind=self.device), None  # type: ignore[arg-type] # checked above
        profile = load_profile(Path(self.device).expanduser())
        for option in fields(self)[1:]:
            value, stored = getattr(self, option.name), getattr(profile.device, option.name)
            if value is not None and value != stored:
                words = option.name.replace("_", " ")
                raise DeviceError(
                    f"a device's file says all about it; {self.device} has {words} {stored}, --{words.replace(' ', '-')} says {value}; "
                    "leave that out, or profile such a device"
                )
        return profile.device, profile

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DeviceConfig:
        """The configuration in what `to_json` returned.

        Raises:
            DeviceError: an unknown or impossible value.
        """
        known = [f.name for f in fields(cls)]
        if not set(data) <= set(known):
            raise DeviceError(f"the options of a device are {', '.join(known)}; got {', '.join(map(str, data))}; give the command again")
        for name, value in data.items():
            kind = int if name in ("threads", "batch") else str
            if isinstance(value, bool) or not isinstance(value, kind | None):
                raise DeviceError(
                    f"the {name} of a device is {'a whole number' if kind is int else 'text'}; got {value!r}; give the command again"
                )
        return cls(**data)
