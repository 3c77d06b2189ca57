"""A profiling whose processes are killed, with real processes and files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

# Tells two groups of networks, and once the first is stored kills whoever asked for them, and itself.
DEADLY = """
import json, os, pathlib, signal, sys, time
job = json.load(sys.stdin)
from nasbench.genotype import Genotype, inference, trace
names = list(job["networks"])
with open(os.environ["TIMED"], "a") as file:
    print(*names, sep=",", file=file)
for i in range(0, len(names), 3):
    if i == 6 and job["first_group"] == 0:
        while not any(path.read_text().endswith("}\\n") for path in pathlib.Path(os.environ["NASBENCH_CACHE"]).glob("devices/*.part")):
            time.sleep(0.01)
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    part = {}
    for name in names[i : i + 3]:
        layers = [0.0, *(0.01 + layer.macs / 1e7 for layer in trace(Genotype.from_yaml(job["networks"][name]))[1:])]
        calls = [0] + [1] * (len(layers) - 1)
        part[name] = {"visits": [[sum(layers), 5.0, 0.0, i, 0]] * job["rounds"], "passes": [layers] * job["rounds"], "calls": calls}
    print(json.dumps({"part": part}), flush=True)
print(json.dumps({"result": None}), flush=True)
"""

PROFILING = """
import functools, sys
from nasbench.latency.measuring import measuring_process
from nasbench.latency.predicting import profiling
from nasbench.latency.device import local_device
from nasbench.latency.predicting.partial_profile import PartialProfile
from nasbench.spaces import load_space
profiling.run_job = functools.partial(measuring_process.run_job, command=[sys.executable, "-c", sys.argv[1]])
space = load_space("mbconv")
networks = {f"n{i}": space.sample(i) for i in range(9)}
profile = profiling.profile_device(local_device(1), networks, say=print)
print(len(profile.networks), PartialProfile(local_device(1)).path.exists())
"""


def test_a_profiling_that_is_killed_goes_on_and_times_what_is_left(tmp_path: Path) -> None:
    """The real thing, but for the timing: two processes and SIGKILL between two groups."""
    environment = {**os.environ, "NASBENCH_CACHE": str(tmp_path), "TIMED": str(tmp_path / "timed")}

    def profile() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", PROFILING, DEADLY]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    assert profile().returncode == -signal.SIGKILL
    assert len(list((tmp_path / "devices").glob("*.part"))) == 1
    again = profile()
    assert again.returncode == 0, again.stderr
    # The second group may have been sent and not yet stored when the process died.
    first, second = (tmp_path / "timed").read_text().split()
    assert first == ",".join(f"n{i}" for i in range(9))
    left = second.split(",")
    assert left in ([f"n{i}" for i in range(3, 9)], [f"n{i}" for i in range(6, 9)])
    assert again.stdout.splitlines() == [f"{9 - len(left)} of 9 networks were timed before this was stopped; going on", "9 False"]
