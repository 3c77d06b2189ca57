"""When a part of the Ray that a search started dies, the search ends by itself, with a line and the exit code of an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from engine_calls import HELPERS

from nasbench.engines.ray.engine import RayEngine, _Submitted
from nasbench.errors import ClusterLostError

# A search in small: the command-line program around an engine that waits for a call.
COMMAND = f"""
import sys
sys.path.insert(0, {str(HELPERS)!r})
import jobs
from pathlib import Path
from nasbench.cli import main
from nasbench.cli.main import app

@app.command()
def work(folder: Path):
    from nasbench.engines.ray.cluster import DAEMONS
    from nasbench.engines.ray.engine import RayEngine
    with RayEngine(1) as engine:
        engine.submit("key", jobs.sleep, (folder / "pid", 600))
        while not (folder / "pid").exists():
            engine.wait(0.5)
        import ray
        for name in DAEMONS:
            print(name, ray._private.worker._global_node.all_processes[name][0].process.pid, flush=True)
        while engine.running:
            engine.wait(1.0)

main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("part", ["raylet", "gcs_server"])
def test_one_line_and_no_folder(part: str, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", COMMAND, "work", tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        pids = dict(process.stdout.readline().split() for _ in range(2))
        assert list(Path("/tmp").glob(f"nasbench-ray-{process.pid}-*")), "the control: it has a folder"
        os.kill(int(pids[part]), signal.SIGKILL)
        _, errors = process.communicate(timeout=300)
    finally:
        process.kill()
    line = f"nasbench: Ray has ended, since its process {part} died; give the same command to go on, or --engine local\n"
    assert (process.returncode, errors) == (2, line)
    assert not list(Path("/tmp").glob(f"nasbench-*-{process.pid}-*"))
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in pids.values()):
        assert time.monotonic() < deadline, "a part of Ray outlives the search"
        time.sleep(0.1)


def test_a_wait_that_ends_looks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop of a search waits for a second at most; so must the look at Ray."""
    engine = RayEngine(1)
    engine._submitted[1] = _Submitted("key", None, None)
    monkeypatch.setattr("nasbench.engines.ray.engine.dead_daemon", lambda: "raylet")
    with pytest.raises(ClusterLostError, match="its process raylet died; give the same command to go on"):
        engine.wait(timeout=0.01)
    engine._submitted.clear()


def test_a_command_that_would_hang_at_exit_ends_at_once(tmp_path: Path) -> None:
    code = """
import atexit, time
from nasbench.cli import main
from nasbench.cli.main import app
from nasbench.errors import ClusterLostError

atexit.register(time.sleep, 600)

@app.command()
def work():
    print("some output")
    raise ClusterLostError("Ray has ended")

main()
"""
    ran = subprocess.run([sys.executable, "-c", code, "work"], capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "some output\n", "nasbench: Ray has ended\n")
