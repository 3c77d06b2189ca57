"""Which device is wanted, as a command says it. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.errors import DeviceError, nearest
from nasbench.latency.device import MAX_BATCH, MAX_THREADS, Device, local_device
from nasbench.latency.predicting.profile import load_profile
from nasbench.latency.runtimes.registry import KINDS, check_runtime

if TYPE_CHECKING:
    from nasbench.latency.predicting.profile import Profile


@dataclass(frozen=True)
class DeviceConfig:
    """A device of this machine, or one whose profile is in a file; impossible choices are refused when made.

    Attributes:
        device: `cpu`, `cuda`, or the path of a profile.
        runtime: `eager` unless said; of a file, whatever it holds unless said, and so are the others.
        threads: all cores unless said, on the CPU.
        batch: images a run, 1 unless said.
        precision: `fp32` unless said; memory_format: `contiguous` unless said.

    Raises:
        DeviceError: a value outside these, or a combination that the runtime does not run.
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
            for name, usual in (("runtime", "eager"), ("batch", 1), ("precision", "fp32"), ("memory_format", "contiguous")):
                if getattr(self, name) is None:
                    object.__setattr__(self, name, usual)
            check_runtime(str(self.runtime), self.device, str(self.precision), str(self.memory_format))
        for name, most in (("threads", MAX_THREADS), ("batch", MAX_BATCH)):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= most:
                raise DeviceError(f"--{name} is a whole number from 1 to {most}; got {value}")
        if self.device == "cuda" and self.threads is not None:
            raise DeviceError(f"--threads are those of a CPU's runtime; got {self.threads} for cuda; leave it out")

    @property
    def is_file(self) -> bool:
        """Whether the device is described by a file."""
        return self.device not in KINDS and _path_like(self.device)

    def resolve(self) -> tuple[Device, Profile | None]:
        """The device; and its profile, if it comes from a file.

        Raises:
            DeviceError: no such device here; or a file that cannot be used, or that holds another device than the options say.
        """
        if not self.is_file:
            given = {k: v for k, v in asdict(self).items() if k != "device"}
            return local_device(**given, kind=self.device), None  # type: ignore[arg-type] # checked above
        profile = load_profile(Path(self.device).expanduser())
        for option in fields(self)[1:]:
            wanted, there = getattr(self, option.name), getattr(profile.device, option.name)
            if wanted is not None and wanted != there:
                words = option.name.replace("_", " ")
                raise DeviceError(
                    f"a device's file says all about it; {self.device} has {words} {there}, --{words.replace(' ', '-')} says {wanted}; "
                    "leave that out, or profile such a device"
                )
        return profile.device, profile

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DeviceConfig:
        """From `to_json`'s data.

        Raises:
            DeviceError: a value that is unknown or impossible.
        """
        known = [f.name for f in fields(cls)]
        if not set(data) <= set(known):
            raise DeviceError(f"a choice of device is made of {', '.join(known)}; got {', '.join(map(str, data))}; give the command again")
        return cls(**data)


def _path_like(text: str) -> bool:
    return "/" in text or text.endswith(".json") or Path(text).is_file()
