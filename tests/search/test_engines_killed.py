"""Kill -9 of drivers, workers and nodes during a whole search, with both engines: no trial is lost or evaluated twice."""

from __future__ import annotations

import inspect
import json
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
from nasbench.search.running_phase import COUNTED
from nasbench.strategies import STRATEGIES

pytestmark = pytest.mark.slow  # each driver is a new interpreter, and Ray clusters start and end

TRIALS = 10
FINALS = 2 * (3 + len(KNOWN))  # seeds of finalists and known networks
ENGINES = pytest.mark.parametrize("engine", ["local", "ray"])

HELPERS = Path(__file__).parents[1] / "helpers"


def start(path, engine, jobs, trials=TRIALS, *more):
    command = [sys.executable, str(HELPERS / "whole_driver.py"), path, engine, jobs, trials, *more]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, errors = process.communicate(timeout=1800)
    assert process.returncode == 0, errors
    return out


def trials_of(path):
    return open_study(path).records() if (path / "ledger.db").exists() else []


def ended(path):
    return {(t.phase, t.number): t for t in trials_of(path) if t.status != "running"}


def results(trials):
    return {phase: outcome([t for t in trials if t.phase == phase]) for phase in ("search", "random", "final")}


def check_complete(path, count=TRIALS):
    """Check that the study has exactly its trials: none lost, none twice, none running."""
    records = trials_of(path)
    for phase, wanted in (("search", count), ("random", count), ("final", FINALS)):
        trials = [t for t in records if t.phase == phase]
        counted = [t for t in trials if t.status in COUNTED]
        assert [t.status for t in counted] == ["ok"] * wanted
        assert [t.number for t in trials] == list(range(len(trials)))
        if phase != "final":
            assert len({t.digest for t in counted}) == wanted
    assert not [t for t in records if t.status == "running"]
    return records


def begun(path, trial):
    """The processes that worked on a trial."""
    return (path / "trials" / f"{trial.phase}-{trial.number:04d}" / "started").read_text().split()


def in_progress(path):
    """How many trials have begun and have no result."""
    return sum((place / "started").exists() and not (place / "result.json").exists() for place in (path / "trials").glob("*-*"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A study of the local engine, one trial at a time, which repeats exactly."""
    path = tmp_path_factory.mktemp("undisturbed") / "study"
    finish(start(path, "local", 1))
    return path


def test_one_worker_and_one_seed_give_one_front(undisturbed, tmp_path):
    finish(start(tmp_path / "study", "ray", 1))
    assert results(check_complete(tmp_path / "study")) == results(check_complete(undisturbed))
    fronts = [open_study(path).front()[["number", "digest", "accuracy", "latency_ms"]] for path in (tmp_path / "study", undisturbed)]
    assert fronts[0].equals(fronts[1])
    assert open_study(tmp_path / "study").summary() == open_study(undisturbed).summary()


@ENGINES
def test_the_driver_killed_at_five_random_moments(engine, undisturbed, tmp_path):
    rng, path, finished = random.Random(11), tmp_path / "study", {}
    for i in range(5):
        process = start(path, engine, 1)
        for _ in range(1 + 3 * (i > 0)):  # each time later in the search, and at another moment of a trial
            assert process.stdout.readline(), process.stderr.read()
        time.sleep(rng.uniform(0, 0.7))
        process.kill()
        process.communicate()
        now = ended(path)
        assert finished.items() <= now.items(), "a finished trial was lost or changed"
        assert len(now) > len(finished)
        finished = now
    finish(start(path, engine, 1))
    assert results(check_complete(path)) == results(trials_of(undisturbed))
    twice = [t for t in finished.values() if t.status == "ok" and len(begun(path, t)) > 2]
    assert not twice, "a trial was begun again though nothing killed it"


def test_engines_take_turns_in_one_study(undisturbed, tmp_path):
    path = tmp_path / "study"
    for engine in ("ray", "local", "ray"):
        process = start(path, engine, 1)
        for _ in range(4):
            assert process.stdout.readline(), process.stderr.read()
        process.kill()
        process.communicate()
    finish(start(path, "local", 1))
    assert results(check_complete(path)) == results(trials_of(undisturbed))


@pytest.mark.parametrize("strategy", sorted(STRATEGIES.keys() - {"evolution"}))
def test_the_driver_killed_under_every_strategy(strategy, tmp_path, monkeypatch):
    """Twelve trials are more than a random beginning with these options."""
    begun = {"startup": 3, "population": 4, "batch": 3}
    options = {name: value for name, value in begun.items() if name in inspect.signature(STRATEGIES[strategy]).parameters}
    monkeypatch.setenv("STRATEGY", json.dumps({"strategy": strategy, "options": options}))
    rng, path = random.Random(13), tmp_path / "killed"
    finish(start(tmp_path / "undisturbed", "local", 1, 12))
    for i in range(3):
        process = start(path, "local", 1, 12)
        for _ in range(3 + 4 * (i > 0)):
            assert process.stdout.readline(), process.stderr.read()
        time.sleep(rng.uniform(0, 0.7))
        process.kill()
        process.communicate()
    finish(start(path, "local", 1, 12))
    assert results(check_complete(path, 12)) == results(trials_of(tmp_path / "undisturbed"))


@ENGINES
def test_workers_killed_at_five_random_moments(engine, tmp_path):
    rng, path, wanted, killed = random.Random(12), tmp_path / "study", 24, set()
    process = start(path, engine, 2, wanted)
    assert process.stdout.readline()
    while len(killed) < 5:
        time.sleep(rng.uniform(0.2, 0.6))
        assert process.poll() is None, "the search ended before five workers were killed"
        for place in sorted((path / "trials").glob("*-*")):
            mark = place / "started"
            if place.name not in killed and mark.exists() and not (place / "result.json").exists():
                os.kill(int(mark.read_text().split()[-1]), signal.SIGKILL)
                killed.add(place.name)
                break
    finish(process)
    trials = check_complete(path, wanted)
    again = {f"{t.phase}-{t.number:04d}" for t in trials if t.status == "ok" and t.more["attempts"] == 2}
    assert again <= killed  # a worker may have sent its result just before
    assert len(again) >= 4
    assert all(len(begun(path, t)) == (2 if f"{t.phase}-{t.number:04d}" in again else 1) for t in trials if t.status == "ok")


@pytest.fixture
def nodes():
    """A cluster of three nodes on this machine, of which the driver's own has no room for trials."""
    command = [sys.executable, str(HELPERS / "three_nodes.py")]
    environment = {**os.environ, "TRIAL_S": "3"}  # shorter than a worker's start, and long enough to be killed in
    cluster = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    cluster.address = cluster.stdout.readline().strip()
    yield cluster
    cluster.communicate("end\n", timeout=60)


def test_a_node_dies_under_a_search(nodes, tmp_path):
    path, wanted = tmp_path / "study", 8
    process = start(path, "ray", 2, wanted, nodes.address)
    assert process.stdout.readline(), process.stderr.read()
    while in_progress(path) < 2:  # one on each of the two nodes that have room
        assert process.poll() is None, "the two nodes never worked at the same time"
        time.sleep(0.1)
    before = ended(path)
    print("kill", file=nodes.stdin, flush=True)
    assert nodes.stdout.readline().strip() == "killed"
    finish(process)
    trials = check_complete(path, wanted)
    assert before.items() <= {(t.phase, t.number): t for t in trials}.items()
    again = [t for t in trials if t.status == "ok" and t.more["attempts"] == 2]
    assert 1 <= len(again) <= 2, "what ran on the lost node ran once more"


def test_a_driver_outside_the_cluster_is_killed(tmp_path):
    pytest.importorskip("grpc", reason="ray:// needs grpcio, which the extra ray[client] brings")
    script = HELPERS / "client_server.py"
    server = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        path, address = tmp_path / "study", server.stdout.readline().strip()
        process = start(path, "ray", 2, TRIALS, address)
        for _ in range(4):
            assert process.stdout.readline(), process.stderr.read()
        process.kill()
        process.communicate()
        before = ended(path)
        finish(start(path, "ray", 2, TRIALS, address))
        assert before.items() <= {(t.phase, t.number): t for t in check_complete(path)}.items()
    finally:
        server.communicate(timeout=60)
