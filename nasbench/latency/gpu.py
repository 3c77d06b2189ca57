"""The GPUs that torch sees, probed in a fresh process: a process that has used CUDA cannot fork, and holds GPU memory. No torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from nasbench.errors import DeviceError

PROBE_S = 120.0  # torch may take long to load on a busy machine
_PROBE = """
import json, torch
report = {"cuda": torch.version.cuda, "count": torch.cuda.device_count()}
try:
    torch.cuda.init()
    report["name"] = torch.cuda.get_device_name(0)
    report["cudnn"] = str(torch.backends.cudnn.version())
except (RuntimeError, AssertionError) as error:
    report["why"] = (str(error).splitlines() or [type(error).__name__])[0]
print(json.dumps(report))
"""


class Gpu(NamedTuple):
    """A GPU's name, and the versions of driver, CUDA and cuDNN."""

    name: str
    versions: Mapping[str, str]


@cache
def gpu() -> Gpu:
    """The first GPU.

    Raises:
        DeviceError: torch sees none.
    """
    return first_gpu(probe(), _driver())


@cache
def gpu_count() -> int:
    """How many GPUs torch sees in this environment; 0 if it cannot be loaded."""
    return int(probe().get("count", 0))


def first_gpu(report: Mapping[str, Any], driver: str) -> Gpu:
    """The first GPU of a probe's report.

    Raises:
        DeviceError: torch sees none.
    """
    if not report.get("name"):
        why = report.get("why") or "torch was built without CUDA"
        raise DeviceError(f"no CUDA device is visible to torch: {why}; use --device cpu, or repair the driver")
    return Gpu(str(report["name"]), {"driver": driver, "cuda": str(report["cuda"]), "cudnn": str(report["cudnn"])})


def probe(command: tuple[str, ...] = (sys.executable, "-c", _PROBE)) -> dict[str, Any]:
    """What torch reports about its GPUs in a fresh process; only `why` if that process fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PROBE_S)  # noqa: S603 - our own interpreter
        report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        return {"why": f"the probe failed: {type(error).__name__}"}
    return report


def _driver() -> str:
    """The driver's version, which torch does not report, or `unknown`."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else "unknown"
