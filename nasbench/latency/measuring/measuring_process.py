"""Runs a job in a worker process, and survives whatever happens to it. No torch."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from nasbench.errors import BusyError, DeviceError
from nasbench.latency.measuring.other_work import busy_processes, other_work
from nasbench.latency.measuring.patience import ADVICE
from nasbench.processes import cause_of_death

WORKER = (sys.executable, "-m", "nasbench.latency.measuring.worker")
ROOT = Path(__file__).parents[3]  # the folder from which `nasbench` is imported
BUSY_CORES = 0.5  # used by others: that many explain why the worker was slow


def run_job(
    job: Mapping[str, Any],
    *,
    threads: int,
    seconds: float,
    on_progress: Callable[[int, int], None] | None = None,
    on_part: Callable[[Any], None] | None = None,
    command: Sequence[str] = WORKER,
) -> Any:
    """Give `job` to the worker as JSON and return its result.

    The worker reads the job on its standard input and writes events as JSON lines: `{"done": 3, "of": 12}` while it works,
    `{"part": ...}` for a part of the result, and at the end `{"result": ...}` or `{"error": "..."}`.

    Args:
        threads: for OpenMP in the worker; set before torch is loaded there.
        seconds: time after which the worker is killed.

    Raises:
        DeviceError: the worker sent an error, died, or took too long; the message has the cause.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        worker = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env={**os.environ, "PYTHONPATH": path, **limits},
        )
        try:
            return _follow(worker, job, time.monotonic() + seconds, seconds, output, on_progress, on_part)
        finally:
            worker.kill()
            worker.wait()


def _follow(
    worker: subprocess.Popen[str],
    job: Mapping[str, Any],
    deadline: float,
    seconds: float,
    output: IO[str],
    on_progress: Callable[[int, int], None] | None,
    on_part: Callable[[Any], None] | None,
) -> Any:
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_talk, args=(worker, json.dumps(job), lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise _took_too_long(seconds) from None
        if line is None:
            raise DeviceError(f"the measuring process {_cause(worker, output)}; measure again, or a smaller network")
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue  # a library printed it
        if "error" in event:
            raise DeviceError(event["error"])
        if "result" in event:
            return event["result"]
        if "part" in event:
            if on_part:
                on_part(event["part"])
        elif on_progress:
            on_progress(event["done"], event["of"])


def _took_too_long(seconds: float) -> DeviceError:
    """The error about a worker that was stopped: other processes kept the cores, or it hung."""
    busy = busy_processes()
    if sum(process.cores for process in busy) > BUSY_CORES:
        return BusyError(f"measuring took more than {seconds:.0f} s and was stopped; {other_work(busy)}; {ADVICE}")
    return DeviceError(
        f"measuring took more than {seconds:.0f} s and was stopped, though nothing else keeps this machine busy; give the same command "
        "again; if that does not help, leave out the largest networks"
    )


def _talk(worker: subprocess.Popen[str], job: str, lines: queue.Queue[str | None]) -> None:
    """Write the job, then pass lines on until the worker closes its end; None marks the end."""
    if worker.stdin is None or worker.stdout is None:
        raise TypeError("the worker has pipes")
    try:
        worker.stdin.write(job)
        worker.stdin.close()
    except OSError:
        pass  # it died early; its exit code says more
    with worker.stdout as output:
        for line in output:
            lines.put(line)
    lines.put(None)


def _cause(worker: subprocess.Popen[str], output: IO[str]) -> str:
    """How the worker ended, and the last line that it wrote."""
    cause = cause_of_death(worker.wait(timeout=30))
    output.seek(0)
    last = [line.strip() for line in output if line.strip()][-1:]
    return f"{cause}: {last[0][:200]}" if last else cause
