"""Kill -9 of drivers, workers and nodes under a whole search, with either engine: nothing is lost, and nothing done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paper_search import KNOWN
from toy_search import outcome

from nasbench.analysis.study import open_study
from nasbench.search.loop import COUNTED

pytestmark = pytest.mark.slow  # drivers that are fresh interpreters, Ray clusters that come and go

TRIALS = 10
FINALS = 2 * (3 + len(KNOWN))  # seeds of finalists and known networks
ENGINES = pytest.mark.parametrize("engine", ["local", "ray"])

HELPERS = Path(__file__).parents[1] / "helpers"


def start(folder, engine, jobs, trials=TRIALS, *more):
    command = [sys.executable, str(HELPERS / "whole_driver.py"), folder, engine, jobs, trials, *more]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, errors = process.communicate(timeout=1800)
    assert process.returncode == 0, errors
    return out


def trials_of(folder):
    return open_study(folder).records() if (folder / "ledger.db").exists() else []


def ended(folder):
    return {(t.phase, t.number): t for t in trials_of(folder) if t.status != "running"}


def told(trials):
    return {phase: outcome([t for t in trials if t.phase == phase]) for phase in ("search", "random", "final")}


def check_complete(folder, trials=TRIALS):
    """Exactly what was asked for: none lost, none twice, none running."""
    found = trials_of(folder)
    for phase, wanted in (("search", trials), ("random", trials), ("final", FINALS)):
        mine = [t for t in found if t.phase == phase]
        counted = [t for t in mine if t.status in COUNTED]
        assert [t.status for t in counted] == ["ok"] * wanted
        assert [t.number for t in mine] == list(range(len(mine)))
        if phase != "final":
            assert len({t.digest for t in counted}) == wanted
    assert not [t for t in found if t.status == "running"]
    return found


def begun(folder, trial):
    """The processes that worked on a trial."""
    return (folder / "trials" / f"{trial.phase}-{trial.number:04d}" / "started").read_text().split()


def at_work(folder):
    """How many trials have begun and not answered."""
    return sum((place / "started").exists() and not (place / "result.json").exists() for place in (folder / "trials").glob("*-*"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """By the local engine, one trial at a time: it repeats exactly."""
    folder = tmp_path_factory.mktemp("undisturbed") / "study"
    finish(start(folder, "local", 1))
    return folder


def test_one_worker_and_one_seed_give_one_front(undisturbed, tmp_path):
    finish(start(tmp_path / "study", "ray", 1))
    assert told(check_complete(tmp_path / "study")) == told(check_complete(undisturbed))
    fronts = [open_study(folder).front()[["number", "digest", "accuracy", "latency_ms"]] for folder in (tmp_path / "study", undisturbed)]
    assert fronts[0].equals(fronts[1])
    assert open_study(tmp_path / "study").summary() == open_study(undisturbed).summary()


@ENGINES
def test_the_driver_killed_at_five_random_moments(engine, undisturbed, tmp_path):
    rng, folder, finished = random.Random(11), tmp_path / "study", {}
    for i in range(5):
        process = start(folder, engine, 1)
        for _ in range(1 + 3 * (i > 0)):  # some way in: each time further, and at another moment of a trial
            assert process.stdout.readline(), process.stderr.read()
        time.sleep(rng.uniform(0, 0.7))
        process.kill()
        process.communicate()
        now = ended(folder)
        assert finished.items() <= now.items(), "a finished trial was lost or changed"
        assert len(now) > len(finished)
        finished = now
    finish(start(folder, engine, 1))
    assert told(check_complete(folder)) == told(trials_of(undisturbed))
    twice = [t for t in finished.values() if t.status == "ok" and len(begun(folder, t)) > 2]
    assert not twice, "a trial was begun again though nothing killed it"


def test_engines_take_turns_in_one_study(undisturbed, tmp_path):
    folder = tmp_path / "study"
    for engine in ("ray", "local", "ray"):
        process = start(folder, engine, 1)
        for _ in range(4):
            assert process.stdout.readline(), process.stderr.read()
        process.kill()
        process.communicate()
    finish(start(folder, "local", 1))
    assert told(check_complete(folder)) == told(trials_of(undisturbed))


@ENGINES
def test_workers_killed_at_five_random_moments(engine, tmp_path):
    rng, folder, wanted, killed = random.Random(12), tmp_path / "study", 24, set()
    process = start(folder, engine, 2, wanted)
    assert process.stdout.readline()
    while len(killed) < 5:
        time.sleep(rng.uniform(0.2, 0.6))
        assert process.poll() is None, "too late to kill anybody"
        for place in sorted((folder / "trials").glob("*-*")):
            mark = place / "started"
            if place.name not in killed and mark.exists() and not (place / "result.json").exists():
                os.kill(int(mark.read_text().split()[-1]), signal.SIGKILL)
                killed.add(place.name)
                break
    finish(process)
    found = check_complete(folder, wanted)
    again = {f"{t.phase}-{t.number:04d}" for t in found if t.status == "ok" and t.more["attempts"] == 2}
    assert again <= killed  # one may have answered just before
    assert len(again) >= 4
    assert all(len(begun(folder, t)) == (2 if f"{t.phase}-{t.number:04d}" in again else 1) for t in found if t.status == "ok")


@pytest.fixture
def nodes():
    """A cluster of three nodes in this machine, where the driver's own has no room for trials."""
    command = [sys.executable, str(HELPERS / "three_nodes.py")]
    environment = {**os.environ, "TRIAL_S": "3"}  # shorter than a worker's start, and long enough to be killed in
    cluster = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    cluster.address = cluster.stdout.readline().strip()
    yield cluster
    cluster.communicate("end\n", timeout=60)


def test_a_node_dies_under_a_search(nodes, tmp_path):
    folder, wanted = tmp_path / "study", 8
    process = start(folder, "ray", 2, wanted, nodes.address)
    assert process.stdout.readline(), process.stderr.read()
    while at_work(folder) < 2:  # one on each of the two nodes that have room
        assert process.poll() is None, "both nodes never worked at the same time"
        time.sleep(0.1)
    before = ended(folder)
    print("kill", file=nodes.stdin, flush=True)
    assert nodes.stdout.readline().strip() == "killed"
    finish(process)
    found = check_complete(folder, wanted)
    assert before.items() <= {(t.phase, t.number): t for t in found}.items()
    again = [t for t in found if t.status == "ok" and t.more["attempts"] == 2]
    assert 1 <= len(again) <= 2, "what ran on the lost node ran once more"


def test_a_driver_outside_the_cluster_is_killed(tmp_path):
    pytest.importorskip("grpc", reason="ray:// needs grpcio, which the extra ray[client] brings")
    script = HELPERS / "client_server.py"
    server = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        folder, address = tmp_path / "study", server.stdout.readline().strip()
        process = start(folder, "ray", 2, TRIALS, address)
        for _ in range(4):
            assert process.stdout.readline(), process.stderr.read()
        process.kill()
        process.communicate()
        before = ended(folder)
        finish(start(folder, "ray", 2, TRIALS, address))
        assert before.items() <= {(t.phase, t.number): t for t in check_complete(folder)}.items()
    finally:
        server.communicate(timeout=60)
