"""The local engine: whatever a call does stays in its process, and the driver gets a reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing import forkserver
from pathlib import Path

import jobs
import pytest
from engine_calls import HELPERS, call, has_ended, pids, until

from nasbench.engines.local import engine as local_engine
from nasbench.engines.local.engine import LocalEngine
from nasbench.errors import StudyError


@pytest.fixture
def engine():
    with LocalEngine(2, time_limit_s=20) as engine:
        yield engine


@pytest.mark.parametrize(
    ("function", "argument", "end", "reason"),
    [
        (jobs.fail, "first\nsecond", "error", "ValueError: first second"),  # one line
        (jobs.exhaust, None, "error", "MemoryError: out of memory"),
        (jobs.leave, 3, "error", "SystemExit: 3"),
        (jobs.large, 10**6, "error", "a trial's result has at most 60000 bytes; this one has 1000038; keep large data in its folder"),
        (jobs.lock, None, "error", "a trial's result has to be plain data; TypeError: cannot pickle '_thread.lock' object"),
        (jobs.die, signal.SIGKILL, "died", "the trial's process was killed by SIGKILL; often the system ran out of memory"),
        (jobs.die, signal.SIGSEGV, "died", "the trial's process was killed by SIGSEGV"),
        (os._exit, 7, "died", "the trial's process ended without a result (exit code 7)"),
    ],
)
def test_faults_come_back_as_reasons(engine, function, argument, end, reason):
    finished = call(engine, function, argument)
    assert (finished.end, finished.reason, finished.result) == (end, reason, None)
    assert call(engine, jobs.double, 4).result == 8, "the engine works on"


def test_a_result_the_driver_cannot_read(engine):
    finished = call(engine, jobs.not_unpicklable, None)
    assert finished.end == "error"
    assert finished.reason.startswith("a trial's result has to be readable by the driver; TypeError")


def test_an_error_has_its_traceback(engine):
    assert "raise ValueError(message)\nValueError: no" in call(engine, jobs.fail, "no").traceback


def test_results_come_in_the_order_in_which_calls_end(engine, tmp_path):
    engine.submit("slow", jobs.sleep, (tmp_path / "pid", 0.5))
    engine.submit("fast", jobs.double, 1)
    assert engine.free == 0
    order = []
    while engine.running:
        order += [f.key for f in engine.wait(20)]
    assert order[-1] == "slow"


def test_time_limit_kills_the_group(tmp_path):
    with LocalEngine(1, time_limit_s=1.0) as engine:
        engine.submit("key", jobs.hang, tmp_path / "pids")
        assert engine.wait(0.01) == []
        processes = pids(tmp_path / "pids")
        (finished,) = engine.wait(20)
        assert finished.end == "timeout"
        assert finished.reason.startswith("a trial has 1 s; it was killed after 1.")
        until(lambda: all(map(has_ended, processes)))
        assert call(engine, jobs.double, 4).result == 8, "its worker is free again"


def test_an_answer_counts_even_if_its_process_stays(engine, monkeypatch):
    monkeypatch.setattr(local_engine, "EXIT_S", 0.2)
    assert call(engine, jobs.answer_and_stay, None).result == "answer"


def test_a_long_path_of_temporary_files(tmp_path):
    """The fork server listens at a socket, whose path may have 107 characters."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    code = f"import sys; sys.path.insert(0, {str(HELPERS)!r}); import jobs\n"
    code += "from nasbench.engines.local.engine import LocalEngine\n"
    code += "with LocalEngine() as engine:\n    engine.submit('key', jobs.double, 2)\n    print(engine.wait(60)[0].result)\n"
    ran = subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(long)}, capture_output=True, text=True)
    assert ran.stdout == "4\n", ran.stderr
    assert not list(long.iterdir())


def test_interrupts_do_not_reach_a_trial(engine, tmp_path):
    engine.submit("key", jobs.sleep, (tmp_path / "pid", 0.5))
    os.kill(pids(tmp_path / "pid")[0], signal.SIGINT)
    assert engine.wait(20)[0].result == "slept"


def test_output_goes_to_the_log(engine, tmp_path):
    assert call(engine, jobs.say, "words", log=tmp_path / "log").end == "died"
    log = (tmp_path / "log").read_text()
    assert log.startswith("words\nnative\nFatal Python error: Aborted")
    assert "in say" in log


def test_close_kills_the_calls_that_run(tmp_path):
    with LocalEngine(1) as engine:
        engine.submit("key", jobs.hang, tmp_path / "pids")
        processes = pids(tmp_path / "pids")
    until(lambda: all(map(has_ended, processes)))


def test_the_server_may_be_killed(engine, tmp_path):
    engine.submit("key", jobs.hang, tmp_path / "pids")
    processes = pids(tmp_path / "pids")
    os.kill(int(Path(f"/proc/{processes[0]}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)  # its parent
    assert engine.wait(20)[0].end == "died"
    until(lambda: all(map(has_ended, processes)))
    assert call(engine, jobs.double, 4).result == 8, "another server was started"


def test_a_call_starts_just_after_the_server_was_killed(engine):
    """A dying server refuses connections before it can be replaced."""
    for i in range(20):
        assert call(engine, jobs.double, i).result == 2 * i
        os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)


def test_no_descriptor_leaks(engine):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    for i in range(5):
        call(engine, jobs.double, i)
    before = descriptors()
    for i in range(30):
        call(engine, jobs.double if i % 2 else jobs.fail, i)
    assert descriptors() == before


def test_what_cannot_be_pickled_is_refused(engine):
    with pytest.raises(StudyError, match="a trial runs a module's function on plain data"):
        engine.submit("key", lambda x: x, 1)
    with pytest.raises(StudyError, match="a trial runs a module's function on plain data"):
        engine.submit("key", jobs.double, lambda: 1)
    assert engine.free == 2


def test_submit_without_a_free_worker_is_an_error_of_the_program():
    with LocalEngine(1) as engine:
        engine.submit("key", jobs.double, 1)
        with pytest.raises(RuntimeError, match="0 of 1 free"):
            engine.submit("other", jobs.double, 1)


def test_a_call_that_only_waits_is_not_killed_when_its_time_is_over(tmp_path):
    """While a latency is measured on the machine, trainings wait for the end of it."""
    waiting = [True, True]
    with LocalEngine(1, time_limit_s=0.5, waits=lambda: bool(waiting and waiting.pop())) as engine:
        engine.submit("waits", jobs.sleep, (tmp_path / "pid", 1.2))
        assert engine.wait(20)[0].end == "result"
        assert waiting == []
        engine.submit("hangs", jobs.sleep, (tmp_path / "pid", 60.0))
        assert engine.wait(20)[0].end == "timeout", "the control"
