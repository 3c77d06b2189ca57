"""The user's choice of an engine. No torch, no Ray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from nasbench.engines.gpus import check_share
from nasbench.errors import StudyError, nearest

if TYPE_CHECKING:
    from nasbench.latency import DeviceConfig

NAMES = ("local", "ray")
MAX_CPUS = 1024.0


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Where trials run, and what each trial gets. An impossible choice raises an error when the object is made.

    Attributes:
        name: `local` or `ray`.
        cpus: CPUs of a trial: its threads, and what Ray reserves for it; below 1 a trial has one thread.
        gpus: GPUs of a trial: a share of one, or a whole number; 0 trains on the CPU.
        address: the address of a Ray cluster; None starts a cluster on this machine.
        measure_on: Ray's custom resource of the node that is the device; None measures on this machine.

    Raises:
        StudyError: an impossible value.
    """

    name: str = "local"
    cpus: float = 1.0
    gpus: float = 0.0
    address: str | None = None
    measure_on: str | None = None

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise StudyError(f"an engine is local or ray; got {self.name!r}{nearest(self.name, NAMES)}")
        if not 0 < self.cpus <= MAX_CPUS or (self.cpus > 1 and self.cpus != int(self.cpus)):
            raise StudyError(f"--cpus-per-trial is a whole number up to {MAX_CPUS:g}, or a share of one, such as 0.5; got {self.cpus:g}")
        if self.gpus:
            check_share(self.gpus)
        for option, value in (("--address", self.address), ("--measure-on", self.measure_on)):
            if value is not None and self.name != "ray":
                raise StudyError(f"{option} is Ray's; got {value!r} with --engine {self.name}; add --engine ray, or leave it out")

    @property
    def threads(self) -> int:
        """Threads of a trial."""
        return max(1, int(self.cpus))

    @property
    def trains_on(self) -> str:
        """The kind of device that trials train on."""
        return "cuda" if self.gpus else "cpu"

    def check_device(self, device: DeviceConfig) -> None:
        """Check that the device of `--measure-on` is described by a file.

        Raises:
            StudyError: it is not.
        """
        if self.measure_on is not None and not device.is_file:
            raise StudyError(
                f"--measure-on is for a device elsewhere, which its profile describes; got --device {device.device}; "
                "run nasbench device profile there, then give its file: --device FILE"
            )

    def decisive(self) -> dict[str, Any]:
        """The settings that decide a trial's result to the bit, if they are not the defaults."""
        default, own = EngineConfig(), {"threads": self.threads, "trains_on": self.trains_on}
        return {name: value for name, value in own.items() if value != getattr(default, name)}

    def words(self) -> str:
        """What differs from the defaults, such as ` by Ray, 0.25 GPU each`."""
        default = EngineConfig()
        text = f" by Ray{f' at {self.address}' if self.address else ''}" if self.name == "ray" else ""
        text += f", {self.cpus:g} CPUs each" if self.cpus != default.cpus else ""
        return text + (f", {self.gpus:g} GPU each" if self.gpus else "")

    def to_json(self) -> dict[str, Any]:
        """The choice as plain data, for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EngineConfig:
        """The choice that `to_json` wrote.

        Raises:
            StudyError: an unknown key, or an impossible value.
        """
        known = [f.name for f in fields(cls)]
        if not set(data) <= set(known):
            raise StudyError(f"an engine is made of {', '.join(known)}; got {', '.join(map(str, data))}; give the command again")
        try:
            return cls(**data)
        except TypeError:
            raise StudyError(f"an engine is made of names and numbers; got {dict(data)!r}; give the command again") from None
