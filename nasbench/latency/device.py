"""Device: a processor and how networks run on it, to which every latency belongs. No torch."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import nasbench
from nasbench.errors import DeviceError, short
from nasbench.files import checksum
from nasbench.latency.gpu import gpu
from nasbench.latency.processor import cpu_name, usable_cores
from nasbench.latency.runtimes.registry import RUNTIMES, Kind, MemoryFormat, Precision, check_runtime
from nasbench.plugins import loaded_plugins

MAX_THREADS = 4096
MAX_BATCH = 65_536


@dataclass(frozen=True)
class Device:
    """A processor and how networks run on it.

    Attributes:
        kind: `cpu` or `cuda`.
        name: the name that the processor gives itself.
        runtime: what runs the network, such as `eager`.
        threads: number of threads of the runtime on a CPU; 1 on a GPU.
        batch: images in one run. A latency is that of one run, not of one image.
        precision: `fp32`, `bf16` or `fp16`, of weights and activations.
        memory_format: `contiguous` or `channels_last`, of images and activations.
        versions: of torch, Python, nasbench and the runtime's own packages; of a GPU's driver, CUDA and cuDNN; and the checksum of the
            plugin that the runtime comes from.
        host: the machine's name. Two hosts with the same processor are the same device.

    Raises:
        DeviceError: an impossible value, or a combination that the runtime does not run.
    """

    kind: Kind
    name: str
    runtime: str = "eager"
    threads: int = 1
    batch: int = 1
    precision: Precision = "fp32"
    memory_format: MemoryFormat = "contiguous"
    versions: Mapping[str, str] = field(default_factory=dict, hash=False)
    host: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        check_runtime(self.runtime, self.kind, self.precision, self.memory_format)
        for name, most in (("threads", MAX_THREADS), ("batch", MAX_BATCH)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise DeviceError(f"a device's {name} is a whole number from 1 to {most}; got {short(value)}")
        if self.kind == "cuda" and self.threads != 1:
            raise DeviceError(f"threads are those of a CPU's runtime, and a cuda device has 1; got {self.threads}; leave it out")
        for name in ("name", "host"):
            if not isinstance(getattr(self, name), str):
                raise DeviceError(f"a device's {name} is text; got {short(getattr(self, name))}")
        if not isinstance(self.versions, Mapping) or not all(isinstance(v, str) for v in self.versions.values()):
            raise DeviceError(f"a device's versions map a name to a version as text; got {short(self.versions)}")

    @property
    def key(self) -> str:
        """A name for files: it can be read, and it differs wherever latencies may differ."""
        same = asdict(self)
        del same["host"]
        same["versions"] = {k: v for k, v in self.versions.items() if k != "nasbench"}
        words = [self.name, self.runtime, f"{self.threads}t" if self.kind == "cpu" else "", f"b{self.batch}", self.precision]
        return f"{slug(' '.join(words))}-{checksum(same)[:8]}"

    def __str__(self) -> str:
        return device_words(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Device:
        """The device in what `to_json` returned.

        Raises:
            DeviceError: the data is not a mapping, or a field is missing, unknown or impossible.
        """
        known = {f.name for f in fields(cls)}
        if not isinstance(data, Mapping) or not {"kind", "name"} <= set(data) <= known:
            given = sorted(data) if isinstance(data, Mapping) else type(data).__name__
            raise DeviceError(f"a device is a mapping of {', '.join(sorted(known))}; got {given}; profile the device again")
        return cls(**data)


def device_words(data: Mapping[str, Any]) -> str:
    """A device's plain data in words, also if its runtime comes from a plugin that is not loaded.

    Example:
        >>> device_words(Device("cpu", "Xeon", threads=2).to_json())
        'Xeon, eager, 2 threads, batch 1, fp32'
    """
    threads = f", {data['threads']} thread{'s' if data['threads'] > 1 else ''}" if data["kind"] == "cpu" else ""
    layout = ", channels last" if data["memory_format"] == "channels_last" else ""
    return f"{data['name']}, {data['runtime']}{threads}, batch {data['batch']}, {data['precision']}{layout}"


def local_device(
    threads: int | None = None,
    batch: int = 1,
    runtime: str = "eager",
    precision: Precision = "fp32",
    memory_format: MemoryFormat = "contiguous",
    kind: Kind = "cpu",
) -> Device:
    """This machine's CPU or its first GPU.

    Args:
        threads: of the runtime, on a CPU; by default as many as there are usable cores.

    Raises:
        DeviceError: an impossible combination, a package of the runtime that is not installed, or no GPU.
    """
    row = check_runtime(runtime, kind, precision, memory_format)
    missing = [package for package in row.packages if _version(package) == "none"]
    if missing:
        install = row.install or " ".join(missing)
        raise DeviceError(f"the runtime {runtime} needs {', '.join(missing)}, which is not installed; pip install {install}")
    if threads is None:
        threads = usable_cores() if kind == "cpu" else 1
    device = Device(kind, cpu_name(), runtime, threads, batch, precision, memory_format, local_versions(runtime), platform.node())
    if kind == "cpu":
        return device
    first = gpu()
    return replace(device, name=first.name, versions={**device.versions, **first.versions})


def local_versions(runtime: str) -> dict[str, str]:
    """The versions here that belong to a device with that runtime."""
    packages = {package: _version(package) for package in ("torch", *RUNTIMES[runtime].packages)}
    plugins = {f"{runtime} (plugin)": p.sha256[:12] for p in loaded_plugins() if runtime in RUNTIMES.names_from(p.module)}
    return {**packages, **plugins, "python": platform.python_version(), "nasbench": nasbench.__version__}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def slug(text: str) -> str:
    """Letters, digits and dashes: `slug("Intel(R) Xeon(R)") == "intel-xeon"`."""
    plain = re.sub(r"\((r|tm|c)\)", " ", text.lower())
    return re.sub(r"[^a-z0-9.]+", "-", plain).strip("-.")[:80] or "device"
