"""Ctrl-C and SIGTERM: one line, exit code 130, and a study that can be resumed; also a second time while the first is handled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from made_study import make_study, result
from paper_search import profile

from nasbench.analysis.study import open_study
from nasbench.cli.interrupts import ANY_COMMAND, AT_ONCE, INTERRUPTED, kept_by
from nasbench.errors import StudyWarning
from nasbench.latency import save_profile

# A command that says when it can be interrupted, and that takes long to end.
COMMAND = """
import sys, time
from nasbench.cli import main
from nasbench.cli.main import app

@app.command()
def work():
    try:
        print("ready", flush=True)
        time.sleep(600)
    finally:
        print("ending", flush=True)
        time.sleep(SECONDS)

main()
"""


def as_in_a_terminal() -> None:
    """What runs in the background of a shell, as these tests may, ignores SIGINT, and so would its processes."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def begin(seconds_to_end: float) -> subprocess.Popen[str]:
    code = COMMAND.replace("SECONDS", str(seconds_to_end))
    process = subprocess.Popen(
        [sys.executable, "-c", code, "work"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=as_in_a_terminal
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once(number: signal.Signals) -> None:
    process = begin(0)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (INTERRUPTED, f"nasbench: {ANY_COMMAND}\n")


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_twice_does_not_wait_for_what_ends_slowly(second: signal.Signals) -> None:
    process = begin(600)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "ending\n"
    process.send_signal(second)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (INTERRUPTED, f"nasbench: {AT_ONCE}\n")


def test_background_jobs_of_a_shell_go_on() -> None:
    """A shell lets them ignore SIGINT, so that Ctrl-C in the terminal ends only what runs in the foreground."""
    code = COMMAND.replace("time.sleep(600)", "sys.stdin.readline()").replace("SECONDS", "0")
    process = subprocess.Popen(
        [sys.executable, "-c", code, "work"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate("\n", timeout=60)
    assert (process.returncode, out, errors) == (0, "ending\n", "")


def test_what_a_study_keeps(tmp_path: Path) -> None:
    assert kept_by(tmp_path / "none") == "interrupted before the study began; give the same command again"
    path = make_study(tmp_path / "one two", [result(0.7, 10), result(None, 30), None], [result(0.6, 9)])
    assert kept_by(path) == f"interrupted; {path} keeps 3 finished trials; continue with: nasbench resume '{path}'"
    path = make_study(tmp_path / "new", [None])
    assert kept_by(path) == f"interrupted; {path} keeps its command; no trial had finished; continue with: nasbench resume {path}"
    (path / "ledger.db").write_bytes(b"no database" * 1000)
    with pytest.warns(StudyWarning, match="damaged"):
        assert kept_by(path).endswith(f"nasbench resume {path}"), "a damaged study does not hide the line"


# What a search prints when a phase of it begins
PHASES = {
    "profile": "profile of",
    "plan": "timing the evaluator",
    "trials": "[1/",
    "measuring": "measuring the finalists",
    "final round": "final round",
}


def wait_for(happens: Callable[[], bool], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.alone
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("phase", PHASES)
def test_in_each_phase_of_a_search(nasbench, phase: str, times: int) -> None:
    """As a terminal does it: the whole process group gets the signal."""
    temporary = nasbench.folder / "tmp"
    temporary.mkdir()
    nasbench.env |= {"TMPDIR": str(temporary)} | ({"NASBENCH_CACHE": str(nasbench.folder / "empty")} if phase == "profile" else {})
    words = nasbench.search("--name", "mine")
    if phase == "final round":  # on a device that is elsewhere, so that it begins without measuring
        save_profile(profile(), nasbench.folder / "paper.json")
        words = [*words, "--device", "paper.json"]
    errors = nasbench.folder / "errors"
    with errors.open("w") as file:
        process = subprocess.Popen(
            nasbench.line(*words), cwd=nasbench.folder, env=nasbench.env, stdout=subprocess.DEVNULL,
            stderr=file, text=True, start_new_session=True,
            preexec_fn=as_in_a_terminal,
        )  # fmt: skip
    try:
        wait_for(lambda: PHASES[phase] in errors.read_text() or process.poll() is not None)
        time.sleep(0.5)
        for _ in range(times):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.02)
        process.wait(timeout=120)
        lines = errors.read_text().splitlines()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == INTERRUPTED, lines
    said = [line for line in lines if line.startswith("nasbench: ")]
    assert said == lines[-1:], "one line, and it is the last"
    assert said[0].startswith("nasbench: interrupted")
    assert "Traceback" not in "\n".join(lines)
    wait_for(lambda: group_is_gone(process.pid), 30)
    study = nasbench.folder / "runs" / "mine"
    assert open_study(study).command["space"] == "tiny"
    if times == 1:
        left = [*temporary.glob("nasbench-*"), *temporary.glob("pymp-*"), *Path("/tmp").glob(f"nasbench-*-{process.pid}-*")]
        assert left == []
        assert f"continue with: nasbench resume {study.relative_to(nasbench.folder)}" in said[0]
