"""Measuring processes are forked, so each test runs in a fresh process: threads of this one would not survive."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

START = """
import os, sys, time
from nasbench.errors import DeviceError
from nasbench.genotype import trace
from nasbench.latency.measuring import network_process
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.device import local_device
device = local_device(1)
"""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", START + code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_processes_answer_in_turn() -> None:
    code = """
network_process.prepare(device)
a, b = network_process.NetworkProcess("a", REFERENCE, device), network_process.NetworkProcess("b", REFERENCE, device)
for _ in range(2):
    print(a.time_round().round.ms > 0, a.time_round(2).layers, len(b.time_round(layers=True).layers) == len(trace(REFERENCE)))
a.close(); b.close()
"""
    assert run(code) == "True None True\n" * 2


def test_a_runtime_that_says_nothing_of_layers_still_runs() -> None:
    code = """
load = network_process.load
network_process.load = lambda g, device: network_process.Loaded(load(g, device).run)
one = network_process.NetworkProcess("one", REFERENCE, device)
print(one.time_round(layers=True).layers)
one.close()
"""
    assert run(code) == "None\n"


PLUGIN = """
import time
from nasbench.genotype import block, trace
from nasbench.latency.runtimes import Loaded, runtime


@block
def mine(t, x):
    return x


@runtime
def plain(g, device):
    from nasbench.latency.measuring import network_process

    trace(g)
    print(g.name, hasattr(network_process, "FORKED"), flush=True)
    return Loaded(lambda: time.sleep(0.001))
"""


@pytest.mark.parametrize(("kind", "forked"), [("cpu", True), ("cuda", False)])
def test_a_gpus_process_is_a_fresh_one_with_the_users_plugins(tmp_path: Path, kind: str, forked: bool) -> None:
    """The plugin's runtime needs no GPU, so that this is tested everywhere."""
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    code = f"""
from dataclasses import replace
from nasbench.genotype import Block
from nasbench.plugins import load_plugin
load_plugin({str(file)!r})
network_process.FORKED = True  # a fork has it too
device = replace(device, kind={kind!r}, runtime="plain")
before = os.sched_getaffinity(0)
network_process.prepare(device)
if {kind!r} == "cuda":
    assert os.sched_getaffinity(0) == before
process = network_process.NetworkProcess("own", replace(REFERENCE, name="own", stem=(Block("mine"), *REFERENCE.stem)), device)
print(process.time_round(1.0).round.ms >= 1.0)
process.close()
"""
    output = run("if __name__ == '__main__':" + code.replace("\n", "\n    "))
    assert output.splitlines() == [f"own {forked}", f"reference {forked}", "True"]


def test_all_processes_share_their_cores() -> None:
    code = """
network_process.prepare(device)
one = network_process.NetworkProcess("one", REFERENCE, device)
print(os.sched_getaffinity(one.pid) == os.sched_getaffinity(0), len(os.sched_getaffinity(0)))
"""
    assert run(code) == "True 1\n"


def test_networks_that_cannot_run_are_named_and_others_live_on() -> None:
    code = """
from dataclasses import replace
load = network_process.load
def bad(g, device):
    loaded = load(g, device)
    if g.name == "reference":
        return loaded
    if g.name == "large":
        raise RuntimeError("too large\\nstack")
    return network_process.Loaded(lambda: os.kill(os.getpid(), 9), loaded.record)
network_process.load = bad
good = network_process.NetworkProcess("good", REFERENCE, device)
for name in ("large", "deadly"):
    try:
        network_process.NetworkProcess(name, replace(REFERENCE, name=name), device)
    except DeviceError as error:
        print(error)
print(good.time_round().round.ms > 0)
"""
    large, deadly, alive = run(code).splitlines()
    assert large.startswith("large cannot be run on")
    assert "too large; leave it out" in large
    assert deadly.startswith("deadly cannot be run: its process was killed by SIGKILL; often the system ran out of memory")
    assert alive == "True"


def test_nothing_stays_when_the_process_is_killed() -> None:
    code = """
one = network_process.NetworkProcess("one", REFERENCE, device)
print(one.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", START + code], capture_output=True, text=True, check=False, timeout=120)
    pid, end = int(done.stdout), time.monotonic() + 60
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
        time.sleep(0.1)
    assert not os.path.exists(f"/proc/{pid}")
