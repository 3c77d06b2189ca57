from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PROBE = """
import resource
from nasbench.latency.measuring.memory import keep_freed_memory
if {keep}:
    assert keep_freed_memory()
def use():
    block = bytearray(24 << 20)  # written, page by page
    del block
for _ in range(3):
    use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool) -> int:
    """Page faults of ten uses of a block of 24 MiB."""
    done = subprocess.run([sys.executable, "-c", PROBE.format(keep=keep)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library has no mallopt")
def test_a_freed_block_is_not_fetched_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(True) < 100
    # The control: as the C library would do it, which fetches every page of every use.
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "131072")
    assert faults(False) > 1000


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from nasbench.latency.measuring import memory

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    assert memory.keep_freed_memory() is False
