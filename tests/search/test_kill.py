"""Kill -9 of the driver: nothing is lost or repeated, and what follows is what would have followed."""

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


def driver(folder, kill=("never", -1)):
    process = FORK.Process(target=drive, args=(folder, TRIALS, kill))
    process.start()
    return process


def finish(folder):
    process = driver(folder)
    process.join(60)
    assert process.exitcode == 0
    return stored(folder)


def stored(folder):
    if not (folder / "ledger.db").exists():
        return []
    with Ledger.open(StudyDirectory.open(folder)) as ledger:
        return ledger.records()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return finish(tmp_path_factory.mktemp("undisturbed") / "study")


@pytest.mark.parametrize("where", ["ask", "result", "tell", "inside ask", "inside tell"])
def test_kill_at(where, tmp_path, undisturbed):
    folder = tmp_path / "study"
    process = driver(folder, (where, 9))
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert [t.status for t in stored(folder)].count("running") == (0 if where in ("tell", "inside ask") else 1)
    assert outcome(finish(folder)) == outcome(undisturbed)
    starts = [len((folder / f"trials/search-{t.number:04d}/started").read_text()) for t in undisturbed if t.status == "ok"]
    assert set(starts) == {1}, "a trial was evaluated twice, though its result was there"


def test_kill_at_random_moments(tmp_path, undisturbed):
    rng = random.Random(5)
    folder, finished = tmp_path / "study", {}
    for _ in range(10):
        process = driver(folder)
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.join(60)
        now = {t.number: t for t in stored(folder) if t.status != "running"}
        assert finished.items() <= now.items(), "a finished trial was lost or changed"
        finished = now
    last = finish(folder)
    assert outcome(last) == outcome(undisturbed)
    assert not [t for t in last if t.status == "running"]


def test_kill_with_an_engine_at_work(tmp_path, undisturbed):
    """The same through processes, each driver a fresh interpreter."""
    folder, command = tmp_path / "study", [sys.executable, str(HELPERS / "driver.py"), str(tmp_path / "study"), "12"]
    for wait in (0.1, 0.4, None):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        if wait is not None:
            time.sleep(wait)
            process.kill()
        _, errors = process.communicate(timeout=60)
        assert process.returncode == (0 if wait is None else -signal.SIGKILL), errors
    last = outcome(stored(folder))
    assert sum(t[1] == "ok" for t in last) == 12
    assert last == outcome(undisturbed)[: len(last)]


def test_another_seed_draws_otherwise(tmp_path, undisturbed):
    """The control: the comparisons above can fail."""
    folder, ledger, phase = open_phase(tmp_path / "study", "evolution", seed=4, startup=4, sample=3, population=6)
    with folder, ledger:
        assert outcome(run(phase, 5))[:5] != outcome(undisturbed)[:5]
