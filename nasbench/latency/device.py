"""Device: what a latency is the latency of. No torch."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, get_args

import nasbench
from nasbench.errors import DeviceError, nearest

Kind = Literal["cpu", "cuda"]
Precision = Literal["fp32", "bf16", "fp16"]
MemoryFormat = Literal["contiguous", "channels_last"]

MAX_THREADS = 4096
MAX_BATCH = 65_536


@dataclass(frozen=True)
class Device:
    """A processor, and how networks are run on it.

    Attributes:
        kind: `cpu` or `cuda`.
        name: the processor as it names itself.
        runtime: what runs the network, such as `eager`.
        threads: of the runtime, on the CPU.
        batch: images a run; a latency is that of one run, not of one image.
        precision: of weights and activations.
        memory_format: of images and activations.
        versions: of torch, python and nasbench.
        host: the machine's name; two hosts with one processor are one device.

    Raises:
        DeviceError: a value outside these.
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
        for name, options in (("kind", Kind), ("precision", Precision), ("memory_format", MemoryFormat)):
            value, allowed = getattr(self, name), get_args(options)
            if value not in allowed:
                raise DeviceError(f"a device's {name} is one of {', '.join(allowed)}; got {value!r}{nearest(value, allowed)}")
        for name, most in (("threads", MAX_THREADS), ("batch", MAX_BATCH)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise DeviceError(f"a device's {name} is a whole number from 1 to {most}; got {value!r}")
        for name in ("name", "runtime", "host"):
            if not isinstance(getattr(self, name), str):
                raise DeviceError(f"a device's {name} is text; got {getattr(self, name)!r}")
        if not isinstance(self.versions, Mapping) or not all(isinstance(v, str) for v in self.versions.values()):
            raise DeviceError(f"a device's versions map a name to a version as text; got {self.versions!r}")

    @property
    def key(self) -> str:
        """A name for files: readable, and different wherever latencies may differ."""
        same = asdict(self)
        del same["host"]
        same["versions"] = {k: v for k, v in self.versions.items() if k != "nasbench"}
        digest = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:8]
        words = [self.name, self.runtime, f"{self.threads}t" if self.kind == "cpu" else "", f"b{self.batch}", self.precision]
        return f"{slug(' '.join(words))}-{digest}"

    def __str__(self) -> str:
        threads = f", {self.threads} thread{'s' if self.threads > 1 else ''}" if self.kind == "cpu" else ""
        layout = ", channels last" if self.memory_format == "channels_last" else ""
        return f"{self.name}, {self.runtime}{threads}, batch {self.batch}, {self.precision}{layout}"

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Device:
        """From `to_json`'s data.

        Raises:
            DeviceError: no mapping, or fields missing, unknown or impossible.
        """
        known = {f.name for f in fields(cls)}
        if not isinstance(data, Mapping) or not {"kind", "name"} <= set(data) <= known:
            got = sorted(data) if isinstance(data, Mapping) else type(data).__name__
            raise DeviceError(f"a device is a mapping of {', '.join(sorted(known))}; got {got}; profile the device again")
        return cls(**data)


def local_device(threads: int | None = None, batch: int = 1, runtime: str = "eager") -> Device:
    """This machine's CPU, with as many threads as it has usable cores unless said."""
    return Device(
        kind="cpu",
        name=cpu_name(),
        runtime=runtime,
        threads=usable_cores() if threads is None else threads,
        batch=batch,
        versions={"torch": _version("torch"), "python": platform.python_version(), "nasbench": nasbench.__version__},
        host=platform.node(),
    )


def cpu_name() -> str:
    """The processor's own name, else its architecture."""
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        found = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
        if found:
            return " ".join(found[1].split())
    except OSError:
        pass
    if platform.system() == "Darwin":
        said = subprocess.run(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
        if said.returncode == 0 and said.stdout.strip():
            return said.stdout.strip()
    return platform.processor() or platform.machine() or "unknown processor"


def usable_cores() -> int:
    """Physical cores this process may use: its affinity, one thread a core, within a container's quota."""
    cores, quota = len(one_cpu_a_core()), _quota()
    return max(1, cores if quota is None else min(cores, int(quota)))


def one_cpu_a_core() -> list[int]:
    """The first logical CPU of each physical core this process may use."""
    try:
        cpus = os.sched_getaffinity(0)
    except AttributeError:  # not on Linux
        return list(range(os.cpu_count() or 1))
    cores: dict[str, int] = {}
    for cpu in sorted(cpus):
        cores.setdefault(_siblings(cpu), cpu)
    return list(cores.values())


def _siblings(cpu: int) -> str:
    """The hardware threads of a logical CPU's core, as the kernel writes them; the CPU itself where it does not say."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _quota(path: Path = Path("/sys/fs/cgroup/cpu.max")) -> float | None:
    """CPUs that the control group grants, or None without a limit."""
    try:
        most, period = path.read_text().split()
        return int(most) / int(period)
    except (OSError, ValueError):  # no such file, or `max 100000`
        return None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def slug(text: str) -> str:
    """Letters, digits and dashes: `slug("Intel(R) Xeon(R)") == "intel-xeon"`."""
    plain = re.sub(r"\((r|tm|c)\)", " ", text.lower())
    return re.sub(r"[^a-z0-9.]+", "-", plain).strip("-.")[:80] or "device"
