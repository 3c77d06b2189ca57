from __future__ import annotations

import sys

import pytest

from nasbench.errors import BusyError, DeviceError
from nasbench.latency.measuring import measuring_process
from nasbench.latency.measuring.measuring_process import run_job
from nasbench.latency.measuring.other_work import BusyProcess


def run(code: str, seconds: float = 60.0, **keywords: object) -> object:
    return run_job({"task": "double", "of": 21}, threads=3, seconds=seconds, command=[sys.executable, "-c", code], **keywords)


def test_a_job_goes_in_and_its_result_comes_out() -> None:
    assert run("import json, sys; print(json.dumps({'result': 2 * json.load(sys.stdin)['of']}))") == 42


def test_progress_is_passed_on_and_prints_are_passed_over() -> None:
    seen: list[tuple[int, int]] = []
    code = "print('{\"done\": 1, \"of\": 2}'); print('hello'); print('{\"result\": null}')"
    assert run(code, on_progress=lambda done, of: seen.append((done, of))) is None
    assert seen == [(1, 2)]


def test_parts_are_passed_on_before_a_death() -> None:
    parts: list[object] = []
    code = 'import os; print(\'{"part": {"a": 1}}\', flush=True); print(\'{"done": 1, "of": 2}\', flush=True); os.abort()'
    with pytest.raises(DeviceError, match="SIGABRT"):
        run(code, on_part=parts.append)
    assert parts == [{"a": 1}]
    assert run("print('{\"part\": 3}'); print('{\"result\": 4}')") == 4  # nobody has to listen


def test_threads_are_set_before_the_worker_starts() -> None:
    assert run("import os, json; print(json.dumps({'result': os.environ['OMP_NUM_THREADS']}))") == "3"


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import os; os.abort()", "was killed by SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL; often the system ran out of memory"),
        ("raise RuntimeError('out of paper')", ".exit code 1.: RuntimeError: out of paper"),
        ("pass", "ended without a result .exit code 0."),
        ("import sys; sys.stdin.close(); sys.exit(7)", "exit code 7"),
    ],
)
def test_a_death_is_an_error_that_names_its_cause(code: str, cause: str) -> None:
    with pytest.raises(DeviceError, match=f"the measuring process .*{cause}"):
        run(code)


def test_what_the_worker_refuses_is_an_error() -> None:
    with pytest.raises(DeviceError, match="no such network"):
        run('print(\'{"error": "no such network"}\')')


def test_a_hang_is_stopped() -> None:
    with pytest.raises(DeviceError, match="took more than 1 s and was stopped"):
        run("import time; time.sleep(600)", seconds=1.0)


def test_who_made_it_slow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [BusyProcess(1, 1.9)]
    monkeypatch.setattr(measuring_process, "busy_processes", lambda: busy)
    with pytest.raises(BusyError, match=r"took more than 0 s and was stopped; process 1 .*keeps 1.9 cores; .* safe; stop the other work"):
        run("import time; time.sleep(600)", seconds=0.2)
    busy[:] = [BusyProcess(1, 0.2)]
    with pytest.raises(DeviceError, match="though nothing else keeps this machine busy") as error:
        run("import time; time.sleep(600)", seconds=0.2)
    assert not isinstance(error.value, BusyError)
