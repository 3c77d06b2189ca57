"""The Ray engine does what the local engine does, on a cluster that it starts on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jobs
import pytest
from engine_calls import HELPERS, call, is_reaped, pids, until

from nasbench.engines.file_transfer import FileTransfer, FolderArgument
from nasbench.engines.local.engine import LocalEngine
from nasbench.engines.ray.engine import RayEngine
from nasbench.errors import StudyError
from nasbench.evaluate.train_task import TrainTask
from nasbench.training.data import load_images
from nasbench.training.shared_images import give_images, pack
from nasbench.zoo import known

SIZE = 64


@pytest.fixture(scope="module")
def engine(cluster):
    """One engine for all tests here: its workers take seconds to start."""
    packed = pack(load_images("embedded", size=SIZE), ("embedded", None, SIZE))
    with RayEngine(2, preload=("torch",), prepare=(give_images, packed), prepare_bytes=packed.bytes) as engine:
        yield engine


@pytest.mark.parametrize(
    ("function", "argument", "end", "reason"),
    [
        (jobs.fail, "first\nsecond", "error", "ValueError: first second"),
        (jobs.exhaust, None, "error", "MemoryError: out of memory"),
        (jobs.leave, 3, "error", "SystemExit: 3"),
        (jobs.large, 10**6, "error", "a trial's result has at most 60000 bytes; this one has 1000038; keep large data in its folder"),
        (jobs.lock, None, "error", "a trial's result has to be plain data; TypeError: cannot pickle '_thread.lock' object"),
    ],
)
def test_faults_come_back_as_reasons(engine, function, argument, end, reason):
    finished = call(engine, function, argument)
    assert (finished.end, finished.reason, finished.result) == (end, reason, None)


def test_a_killed_worker_ends_one_call(engine):
    finished = call(engine, jobs.die, signal.SIGKILL)
    assert (finished.end, finished.result) == ("died", None)
    assert finished.reason.startswith("the trial's process ended without a result: Worker unexpectedly exits")
    assert call(engine, jobs.double, 4).result == 8, "the engine works on"


def test_results_that_json_would_change_arrive_unchanged(engine):
    result = call(engine, jobs.not_json, None).result
    assert str(result) == "(nan, inf, {'nested/name': [None, (1, 2)]})"


def test_what_cannot_be_pickled_or_unpickled(engine):
    assert call(engine, jobs.not_unpicklable, None).reason.startswith("a trial's result has to be readable by the driver; TypeError")
    with pytest.raises(StudyError, match="a trial runs a module's function on plain data"):
        engine.submit("key", lambda x: x, 1)
    assert engine.free == 2


def test_two_calls_at_a_time(engine, tmp_path):
    engine.submit("slow", jobs.sleep, (tmp_path / "pid", 2))
    engine.submit("fast", jobs.double, 1)
    assert engine.free == 0
    with pytest.raises(RuntimeError, match="0 of 2 free"):
        engine.submit("third", jobs.double, 1)
    results = {}
    while engine.running:
        results |= {f.key: f.result for f in engine.wait(60)}
    assert results == {"fast": 2, "slow": "slept"}


def test_a_worker_runs_many_calls(engine):
    assert len({call(engine, jobs.process, None).result for _ in range(4)}) == 1


def test_time_limit_ends_a_call_that_holds_the_interpreter(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "time_limit_s", 1.0)
    finished = call(engine, jobs.hold_interpreter, tmp_path / "pids")
    assert finished.end == "timeout"
    assert finished.reason.startswith("a trial has 1 s; it was killed after 1.")


def test_cancel(engine, tmp_path):
    engine.submit("key", jobs.sleep, (tmp_path / "pid", 600))
    (pid,) = pids(tmp_path / "pid")
    engine.cancel("key")
    assert engine.running == []
    assert call(engine, jobs.double, 3).result == 6
    until(lambda: is_reaped(pid), seconds=60)


def test_output_goes_to_the_log(engine, tmp_path):
    assert call(engine, jobs.fail, "words", log=tmp_path / "log").end == "error"
    assert "raise ValueError(message)\nValueError: words" in (tmp_path / "log").read_text()


def test_trainings_give_the_same_bits_as_with_the_local_engine(engine, tmp_path):
    """Though a worker runs many calls, and gets its images from the object store."""

    def task(name):
        (tmp_path / name).mkdir()
        recipe = {"epochs": 1, "batch_size": 32, "train_size": 16, "images": 512, "calibration": 32}
        genotype = known("mobilenet_v3_small").to_yaml()
        return TrainTask(genotype=genotype, directory=str(tmp_path / name), recipe=recipe, seed=5)

    with LocalEngine(preload=("torch",)) as local:
        expected = call(local, jobs.train, task("local")).result
    assert expected["status"] == "ok"
    first = call(engine, jobs.train, task("first")).result
    assert call(engine, jobs.spoil, None).result == 2
    second = call(engine, jobs.train, task("second")).result
    assert first == second == expected, "weights' digest and all"


def test_a_share_of_a_gpu_is_the_gpu(cluster):
    with RayEngine(4, cpus=0.25, gpus=0.25) as engine:
        assert call(engine, jobs.variable, "CUDA_VISIBLE_DEVICES").result == "0"
        assert engine.workers == 4


@pytest.mark.parametrize("seen", [True, False])
def test_files_travel_where_a_worker_does_not_see_the_drivers_disk(cluster, seen, tmp_path, monkeypatch):
    """A folder with another mark is on another disk: its files are sent there, and new files are sent back."""
    pack = FileTransfer.pack
    monkeypatch.setattr(FileTransfer, "pack", lambda folder: pack(folder) if seen else replace(pack(folder), mark="another"))
    (tmp_path / "checkpoint.bin").write_bytes(b"1")
    with RayEngine(1, address="auto", folder_argument=FolderArgument(jobs.own_folder, jobs.with_folder)) as engine:
        place = call(engine, jobs.step, jobs.Step(str(tmp_path))).result
        assert (place == str(tmp_path)) == seen
        assert not seen or Path(place).exists()
        failed = call(engine, jobs.fail, jobs.Step(str(tmp_path)))
        assert failed.end == "error", failed
    left = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert left == {"result.json": b"{}", "weights": b"11"}, "the mark is removed; so is the checkpoint, which was used"
    assert Path(place).exists() == seen


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ({"cpus": 512}, r"a trial needs 512 CPUs and 0 GPUs on one node, which no node of the cluster has \(1: . CPUs, 1 GPUs\)"),
        ({"gpus": 2}, "a trial needs 1 CPUs and 2 GPUs on one node"),
    ],
)
def test_what_the_cluster_lacks_is_said_before_the_first_trial(cluster, wanted, match):
    with RayEngine(1, **wanted) as engine, pytest.raises(StudyError, match=match):
        engine.submit("key", jobs.double, 1)


def test_fewer_at_a_time_where_there_is_no_room(cluster):
    messages = []
    cores = len(os.sched_getaffinity(0))
    with RayEngine(cores + 3, say=messages.append) as engine:
        assert call(engine, jobs.double, 1).result == 2
        assert (engine.workers, engine.free) == (cores, cores)
    assert messages == [f"the cluster has room for {cores} trials at a time, not for {cores + 3}"]


@pytest.mark.slow
@pytest.mark.parametrize("job", ["sleep", "hold_interpreter"])
def test_no_worker_outlives_a_killed_driver(job, tmp_path):
    argument = "(Path(sys.argv[1]), 600)" if job == "sleep" else "Path(sys.argv[1])"
    program = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(HELPERS)!r}); import jobs\n"
        "from nasbench.engines.ray.engine import RayEngine\n"
        f"with RayEngine(1) as engine:\n    engine.submit('key', jobs.{job}, {argument})\n    engine.wait()\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", program, tmp_path / "pids"], stderr=subprocess.DEVNULL)
    (worker,) = pids(tmp_path / "pids")
    driver.kill()
    driver.wait()
    until(lambda: is_reaped(worker), seconds=30)


@pytest.mark.slow
def test_quiet(tmp_path):
    """Only the driver reports what happens, such as the death of a worker: standard output is for results."""
    program = (
        f"import sys; sys.path.insert(0, {str(HELPERS)!r}); import jobs, json\n"
        "from nasbench.engines.ray.engine import RayEngine\n"
        "ends = []\n"
        "with RayEngine(1) as engine:\n"
        "    for key, function, argument in ((1, jobs.die, 9), (2, jobs.say, 'words'), (3, jobs.double, 2)):\n"
        "        engine.submit(key, function, argument)\n"
        "        ends += [f.end for f in engine.wait(60)]\n"
        "print(json.dumps(ends))\n"
    )
    driver = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert json.loads(driver.stdout) == ["died", "died", "result"]
    assert driver.stderr == ""
