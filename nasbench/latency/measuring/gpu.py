"""The GPU that torch sees, asked in a process of its own: whoever has touched CUDA cannot fork, and holds memory of the GPU. No torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from nasbench.errors import DeviceError

ASK_S = 120.0
_ASK = """
import json, torch
said = {"cuda": torch.version.cuda}
try:
    torch.cuda.init()
    said["name"] = torch.cuda.get_device_name(0)
    said["cudnn"] = str(torch.backends.cudnn.version())
except (RuntimeError, AssertionError) as error:
    said["why"] = (str(error).splitlines() or [type(error).__name__])[0]
print(json.dumps(said))
"""


class Gpu(NamedTuple):
    """Its name, and the versions of driver, CUDA and cuDNN."""

    name: str
    versions: Mapping[str, str]


@cache
def gpu() -> Gpu:
    """The first GPU.

    Raises:
        DeviceError: torch sees none.
    """
    return read_answer(_asked([sys.executable, "-c", _ASK]), _driver())


def read_answer(said: Mapping[str, Any], driver: str) -> Gpu:
    """What torch said, as a Gpu.

    Raises:
        DeviceError: torch sees none.
    """
    if not said.get("name"):
        why = said.get("why") or "torch was built without CUDA"
        raise DeviceError(f"no CUDA device is visible to torch: {why}; use --device cpu, or repair the driver")
    return Gpu(str(said["name"]), {"driver": driver, "cuda": str(said["cuda"]), "cudnn": str(said["cudnn"])})


def _asked(command: list[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ASK_S)  # noqa: S603 - our own interpreter
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        return {"why": f"asking it failed: {type(error).__name__}"}
    return found


def _driver() -> str:
    """The driver's version, or `unknown`: torch does not say it."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else "unknown"
