"""Latencies are measured on the node that is the device, and on no other: neither one without the resource nor another device."""

from __future__ import annotations

import subprocess
import sys

import pytest
from engine_calls import HELPERS

pytestmark = pytest.mark.alone  # a cluster of three nodes

MEASURE = """
import sys
from dataclasses import replace
from nasbench.errors import NasbenchError
from nasbench.latency import local_device
from nasbench.engines.ray.measure import session_on
from nasbench.spaces import load_space

device = local_device()
for resource, wanted in (("target", device), ("telescope", device), ("target", replace(device, name="Another"))):
    try:
        measurements = session_on(resource, sys.argv[1], print)({"one": load_space("tiny").sample(0)}, wanted, max_seconds=3.0)
        print(sorted(measurements), measurements["one"].median_ms > 0)
    except NasbenchError as error:
        print(error)
"""


@pytest.fixture
def address():
    """A cluster of three nodes, one of which has the resource `target`."""
    command = [sys.executable, str(HELPERS / "three_nodes.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cluster:
        yield cluster.stdout.readline().strip()
        cluster.communicate("end\n", timeout=60)


def test_latency_is_measured_on_the_node_that_is_the_device(address):
    driver = subprocess.run([sys.executable, "-c", MEASURE, address], capture_output=True, text=True, timeout=300)
    assert driver.returncode == 0, driver.stderr
    measured, lacking, other = driver.stdout.splitlines()
    assert measured == "['one'] True"
    assert lacking.startswith("latencies are measured on the node that has --measure-on telescope; no node of the cluster has it")
    assert "target" in lacking
    assert other.startswith("on the node with target: ")
