"""Kill -9 of the driver: no trial is lost or repeated, and the study ends as it would have ended without the kill."""

from __future__ import annotations

import multiprocessing
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from driver import drive
from toy_search import open_phase, outcome, run

from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger

TRIALS = 20
FORK = multiprocessing.get_context("fork")  # starts at once, where a fresh interpreter takes seconds

HELPERS = Path(__file__).parents[1] / "helpers"


def driver(path, kill=("never", -1)):
    process = FORK.Process(target=drive, args=(path, TRIALS, kill))
    process.start()
    return process


def finish(path):
    process = driver(path)
    process.join(60)
    assert process.exitcode == 0
    return stored(path)


def stored(path):
    if not (path / "ledger.db").exists():
        return []
    with Ledger.open(StudyDirectory.open(path)) as ledger:
        return ledger.records()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return finish(tmp_path_factory.mktemp("undisturbed") / "study")


@pytest.mark.parametrize("where", ["ask", "result", "tell", "inside ask", "inside tell"])
def test_kill_at(where, tmp_path, undisturbed):
    path = tmp_path / "study"
    process = driver(path, (where, 9))
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert [t.status for t in stored(path)].count("running") == (0 if where in ("tell", "inside ask") else 1)
    assert outcome(finish(path)) == outcome(undisturbed)
    starts = [len((path / f"trials/search-{t.number:04d}/started").read_text()) for t in undisturbed if t.status == "ok"]
    assert set(starts) == {1}, "a trial was evaluated twice, though its result was there"


def test_kill_at_random_moments(tmp_path, undisturbed):
    rng = random.Random(5)
    path, finished = tmp_path / "study", {}
    for _ in range(10):
        process = driver(path)
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.join(60)
        now = {t.number: t for t in stored(path) if t.status != "running"}
        assert finished.items() <= now.items(), "a finished trial was lost or changed"
        finished = now
    last = finish(path)
    assert outcome(last) == outcome(undisturbed)
    assert not [t for t in last if t.status == "running"]


def test_kill_while_an_engine_runs(tmp_path, undisturbed):
    """The same through processes, each driver a fresh interpreter."""
    path, command = tmp_path / "study", [sys.executable, str(HELPERS / "driver.py"), str(tmp_path / "study"), "12"]
    for wait in (0.1, 0.4, None):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        if wait is not None:
            time.sleep(wait)
            process.kill()
        _, errors = process.communicate(timeout=60)
        assert process.returncode == (0 if wait is None else -signal.SIGKILL), errors
    last = outcome(stored(path))
    assert sum(t[1] == "ok" for t in last) == 12
    assert last == outcome(undisturbed)[: len(last)]


def test_another_seed_proposes_other_networks(tmp_path, undisturbed):
    """The control: the comparisons above can fail."""
    directory, ledger, phase = open_phase(tmp_path / "study", "evolution", seed=4, startup=4, sample=3, population=6)
    with directory, ledger:
        assert outcome(run(phase, 5))[:5] != outcome(undisturbed)[:5]
