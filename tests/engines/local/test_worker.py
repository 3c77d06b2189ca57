"""The process of a call dies with its driver, whatever it is busy with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from engine_calls import HELPERS, has_ended, pids, until


@pytest.mark.parametrize("job", ["hang", "hold_interpreter"])
def test_no_process_outlives_a_killed_driver(job, tmp_path):
    mark = f"NASBENCH_TEST={tmp_path}"
    environment = {**os.environ, "NASBENCH_TEST": str(tmp_path)}
    driver = subprocess.Popen([sys.executable, HELPERS / "doomed.py", job, tmp_path / "pids"], env=environment, stderr=subprocess.DEVNULL)
    processes = pids(tmp_path / "pids")
    assert not any(map(has_ended, processes))
    driver.kill()
    driver.wait()

    def survivors():
        pids_found = []
        for file in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark.encode() in file.read_bytes():
                    pids_found.append(file.parent.name)
            except OSError:
                continue
        return pids_found

    try:
        until(lambda: all(map(has_ended, processes)) and not survivors())
    finally:
        for pid in survivors():
            os.kill(int(pid), signal.SIGKILL)
