"""Runs a job in a process of its own, and survives whatever becomes of it. No torch."""

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

import nasbench
from nasbench.errors import DeviceError
from nasbench.processes import cause_of_death

WORKER = (sys.executable, "-m", "nasbench.latency.measuring.worker")


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

    The worker reads the job on its standard input and writes events as JSON lines: `{"done": 3, "of": 12}` while it
    works, `{"part": ...}` for what is done, at the end `{"result": ...}` or `{"error": "..."}`.

    Args:
        threads: for OpenMP in the worker, before torch is loaded there.
        seconds: after which the worker is killed.

    Raises:
        DeviceError: the worker said so, died, or took too long; with the cause.
    """
    root = str(Path(nasbench.__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env={**os.environ, "PYTHONPATH": path, **limits},
        )
        try:
            return _follow(child, job, time.monotonic() + seconds, seconds, said, on_progress, on_part)
        finally:
            child.kill()
            child.wait()


def _follow(
    child: subprocess.Popen[str],
    job: Mapping[str, Any],
    deadline: float,
    seconds: float,
    said: IO[str],
    on_progress: Callable[[int, int], None] | None,
    on_part: Callable[[Any], None] | None,
) -> Any:
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_talk, args=(child, json.dumps(job), lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise DeviceError(
                f"measuring took more than {seconds:.0f} s and was stopped; measure fewer or smaller networks at a time"
            ) from None
        if line is None:
            raise DeviceError(f"the measuring process {_cause(child, said)}; measure again, or a smaller network")
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue  # somebody's print
        if "error" in event:
            raise DeviceError(event["error"])
        if "result" in event:
            return event["result"]
        if "part" in event:
            if on_part:
                on_part(event["part"])
        elif on_progress:
            on_progress(event["done"], event["of"])


def _talk(child: subprocess.Popen[str], job: str, lines: queue.Queue[str | None]) -> None:
    """Hand the job over and pass lines on until the worker closes its end; None is the end."""
    if child.stdin is None or child.stdout is None:
        raise TypeError("the worker has pipes")
    try:
        child.stdin.write(job)
        child.stdin.close()
    except OSError:
        pass  # it died early; its exit code says more
    for line in child.stdout:
        lines.put(line)
    lines.put(None)


def _cause(child: subprocess.Popen[str], said: IO[str]) -> str:
    """How the measuring process ended, and the last line that it wrote."""
    cause = cause_of_death(child.wait(timeout=30))
    said.seek(0)
    last = [line.strip() for line in said if line.strip()][-1:]
    return f"{cause}: {last[0][:200]}" if last else cause
