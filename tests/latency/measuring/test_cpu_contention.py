from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from nasbench.latency.measuring.cpu_contention import Moment, now, share_taken, waited_share


def test_the_share_is_of_all_threads_time() -> None:
    assert waited_share(Moment(10.0, 1.0), Moment(12.0, 2.0), threads=2) == pytest.approx(0.25)
    assert waited_share(Moment(10.0, None), Moment(12.0, 2.0), threads=2) is None


def test_a_thread_that_ended_makes_nothing_negative() -> None:
    assert waited_share(Moment(10.0, 1.0), Moment(12.0, 0.5), threads=1) == 0.0


def test_a_kernel_without_statistics_is_no_error(tmp_path) -> None:
    (tmp_path / "1").mkdir()
    assert now(tmp_path).queued is None
    assert now(tmp_path / "none").queued is None


@pytest.mark.skipif(now().queued is None, reason="this kernel keeps no scheduler statistics")
def test_sharing_one_core_with_busy_processes_shows() -> None:
    usual = os.sched_getaffinity(0)
    core = {min(usual)}
    busy = [
        subprocess.Popen([sys.executable, "-c", f"import os; os.sched_setaffinity(0, {core})\nprint(1, flush=True)\nwhile True: pass"],
                         stdout=subprocess.PIPE)
        for _ in range(2)
    ]  # fmt: skip
    try:
        os.sched_setaffinity(0, core)
        for process in busy:
            process.stdout.readline()
        start, end = now(), time.monotonic() + 0.5
        while time.monotonic() < end:
            pass
        assert waited_share(start, now(), threads=1) > 0.2
    finally:
        os.sched_setaffinity(0, usual)
        for process in busy:
            process.kill()
            process.communicate()


@pytest.mark.skipif(now().queued is None, reason="this kernel keeps no scheduler statistics")
def test_a_moment_shows_whether_other_work_keeps_the_cores() -> None:
    cores = sorted(os.sched_getaffinity(0))
    busy = [
        subprocess.Popen([sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}})\nprint(1, flush=True)\nwhile True: pass"],
                         stdout=subprocess.PIPE)
        for core in 2 * cores
    ]  # fmt: skip
    try:
        for process in busy:
            process.stdout.readline()
        with_loops = share_taken(len(cores), 0.3)
        assert set(os.sched_getaffinity(0)) == set(cores), "this thread is not bound to a core"
    finally:
        for process in busy:
            process.kill()
            process.communicate()
    assert with_loops > 0.3
