"""The processor of this machine: its name, and the cores that this process may use. No torch."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path


def cpu_name() -> str:
    """The name that the processor gives itself, else its architecture."""
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        name = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
        if name:
            return " ".join(name[1].split())
    except OSError:
        pass
    if platform.system() == "Darwin":
        done = subprocess.run(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip()
    return platform.processor() or platform.machine() or "unknown processor"


def usable_cores() -> int:
    """How many physical cores this process may use: those of its affinity, one thread a core, within a container's quota."""
    cores, quota = len(one_cpu_a_core()), _quota()
    return max(1, cores if quota is None else min(cores, int(quota)))


def one_cpu_a_core() -> list[int]:
    """The first logical CPU of each physical core that this process may use."""
    try:
        cpus = os.sched_getaffinity(0)
    except AttributeError:  # not on Linux
        return list(range(os.cpu_count() or 1))
    cores: dict[str, int] = {}
    for cpu in sorted(cpus):
        cores.setdefault(_siblings(cpu), cpu)
    return list(cores.values())


def _siblings(cpu: int) -> str:
    """The hardware threads of a logical CPU's core, as the kernel writes them; the CPU itself where the kernel does not say."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _quota(path: Path = Path("/sys/fs/cgroup/cpu.max")) -> float | None:
    """CPUs that the control group grants, or None without a limit."""
    try:
        most, period = path.read_text().split()
        return int(most) / int(period)
    except (OSError, ValueError):  # the file does not exist, or it holds `max 100000`
        return None
