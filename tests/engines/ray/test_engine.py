"""The Ray engine: it does what the local one does, on a cluster of its own that only this machine can reach."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jobs
import pytest

from nasbench.engines.file_transfer import FolderArgument
from nasbench.engines.file_transfer import pack as pack_folder
from nasbench.engines.local.engine import LocalEngine
from nasbench.engines.ray import cluster as ray_cluster
from nasbench.engines.ray import engine as ray_engine
from nasbench.engines.ray.cluster import PREFIX, connected
from nasbench.engines.ray.engine import RayEngine
from nasbench.errors import StudyError
from nasbench.evaluate.train import TrainTask
from nasbench.training.data import load_images
from nasbench.training.shared_images import give_images, pack
from nasbench.zoo import known

HERE = Path(__file__).parents[1] / "helpers"
SIZE = 64


@pytest.fixture(scope="module")
def cluster():
    """One Ray for all tests here, with a GPU that is not there."""
    patch = pytest.MonkeyPatch()
    patch.setattr(ray_cluster, "visible_gpus", lambda: ["0"])
    with connected(None, 1.0, 2**24):
        yield
    patch.undo()


@pytest.fixture(scope="module")
def engine(cluster):
    """One engine too: its processes take seconds to start, and are meant to be used again."""
    packed = pack(load_images("embedded", size=SIZE), ("embedded", None, SIZE))
    with RayEngine(2, preload=("torch",), prepare=(give_images, packed), prepare_bytes=packed.bytes) as engine:
        yield engine


def call(engine, function, argument, **options):
    engine.submit("key", function, argument, **options)
    (finished,) = engine.wait(60)
    return finished


def pids(file):
    end = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
    return [int(pid) for pid in file.read_text().split()]


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


def test_a_killed_worker_is_one_lost_call(engine):
    finished = call(engine, jobs.die, signal.SIGKILL)
    assert (finished.end, finished.result) == ("died", None)
    assert finished.reason.startswith("the trial's process ended without a result: Worker unexpectedly exits")
    assert call(engine, jobs.double, 4).result == 8, "the engine works on"


def test_values_that_break_json_arrive_as_they_are(engine):
    found = call(engine, jobs.nowhere, None).result
    assert str(found) == "(nan, inf, {'nested/name': [None, (1, 2)]})"


def test_what_the_driver_cannot_read_and_what_a_worker_cannot(engine):
    assert call(engine, jobs.grudging, None).reason.startswith("a trial's result has to be readable by the driver; TypeError")
    with pytest.raises(StudyError, match="a trial runs a module's function on plain data"):
        engine.submit("key", lambda x: x, 1)
    assert engine.free == 2


def test_two_calls_at_a_time(engine, tmp_path):
    engine.submit("slow", jobs.sleep, (tmp_path / "pid", 2))
    engine.submit("fast", jobs.double, 1)
    assert engine.free == 0
    with pytest.raises(RuntimeError, match="0 of 2 free"):
        engine.submit("third", jobs.double, 1)
    found = {}
    while engine.running:
        found |= {f.key: f.result for f in engine.wait(60)}
    assert found == {"fast": 2, "slow": "slept"}


def test_processes_are_used_again(engine):
    assert len({call(engine, jobs.process, None).result for _ in range(4)}) == 1


def test_time_limit_ends_a_call_that_hears_nothing(engine, tmp_path, monkeypatch):
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
    assert jobs.gone(pid)


def test_output_goes_to_the_log(engine, tmp_path):
    assert call(engine, jobs.fail, "words", log=tmp_path / "log").end == "error"
    assert "raise ValueError(message)\nValueError: words" in (tmp_path / "log").read_text()


def test_the_same_bits_as_local_whatever_ran_before(engine, tmp_path):
    """Workers are used again; and their images come from the object store: the trainer reads no file."""

    def task(name):
        (tmp_path / name).mkdir()
        recipe = {"epochs": 1, "batch_size": 32, "train_size": 16, "images": 512, "calibration": 32}
        genotype = known("mobilenet_v3_small").to_yaml()
        return TrainTask(genotype=genotype, folder=str(tmp_path / name), recipe=recipe, seed=5)

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
def test_a_trial_where_nobody_sees_the_drivers_disk(cluster, seen, tmp_path, monkeypatch):
    """A folder with another mark is another disk's: then its files come along, and what is made of them comes back."""

    def elsewhere(folder):
        luggage = pack_folder(folder)
        return luggage if seen else replace(luggage, mark="another")

    monkeypatch.setattr(ray_engine, "pack", elsewhere)
    (tmp_path / "checkpoint.bin").write_bytes(b"1")
    with RayEngine(1, address="auto", carrier=FolderArgument(jobs.own_folder, jobs.with_folder)) as engine:
        place = call(engine, jobs.step, jobs.Step(str(tmp_path))).result
        assert (place == str(tmp_path)) == seen
        assert not seen or Path(place).exists()
        failed = call(engine, jobs.fail, jobs.Step(str(tmp_path)))
        assert failed.end == "error", failed
    left = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert left == {"result.json": b"{}", "weights": b"11"}, "the mark has gone, the checkpoint was used and removed"
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
    said = []
    cores = len(os.sched_getaffinity(0))
    with RayEngine(cores + 3, say=said.append) as engine:
        assert call(engine, jobs.double, 1).result == 2
        assert (engine.workers, engine.free) == (cores, cores)
    assert said == [f"the cluster has room for {cores} trials at a time, not for {cores + 3}"]


def listeners():
    """Local addresses, in the kernel's own writing, of every TCP socket that a Ray process or this one listens at."""
    inodes = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if int(folder.name) == os.getpid() or b"ray::" in command or b"/ray/" in command or b"raylet" in command:
                inodes |= {os.readlink(fd).removeprefix("socket:[").removesuffix("]"): command for fd in (folder / "fd").iterdir()}
        except OSError:
            continue
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.append(fields[1].split(":")[0])
    return found


LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


def test_nothing_listens_beyond_this_machine(engine):
    call(engine, jobs.double, 1)
    found = listeners()
    assert len(found) >= 4, "gcs, raylet, driver and worker at least: else the test looks at the wrong processes"
    assert set(found) <= LOOPBACK


def test_no_token_lies_about_and_nobody_else_reads_its_folder(engine):
    call(engine, jobs.double, 1)
    (folder,) = Path("/tmp").glob(f"{PREFIX}{os.getpid()}-*")
    assert folder.stat().st_mode & 0o077 == 0
    assert os.environ["RAY_AUTH_TOKEN"]
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "127.0.0.1:port", "127.0.0.1:99999", "ray://127.0.0.1:1"])
def test_a_cluster_that_does_not_answer_is_said_at_once(address):
    with RayEngine(address=address) as engine, pytest.raises(StudyError, match=f"--address is auto, HOST:PORT .*; {address}: "):
        engine.submit("key", jobs.double, 1)


def test_sessions_of_killed_drivers_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_cluster.tempfile, "gettempdir", lambda: "/tmp")
    monkeypatch.setattr(ray_cluster, "PREFIX", f"nbt{os.getpid()}-")
    left, alive = Path(f"/tmp/nbt{os.getpid()}-99999999-x"), Path(f"/tmp/nbt{os.getpid()}-{os.getpid()}-x")
    for folder in (left, alive):
        folder.mkdir()
    try:
        made = ray_cluster._own_folder()
        made.rmdir()
        assert (left.exists(), alive.exists()) == (False, True)
    finally:
        alive.rmdir()


@pytest.mark.slow
@pytest.mark.parametrize("job", ["sleep", "hold_interpreter"])
def test_no_worker_outlives_a_killed_driver(job, tmp_path):
    argument = "(Path(sys.argv[1]), 600)" if job == "sleep" else "Path(sys.argv[1])"
    program = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(HERE)!r}); import jobs\n"
        "from nasbench.engines.ray.engine import RayEngine\n"
        f"with RayEngine(1) as engine:\n    engine.submit('key', jobs.{job}, {argument})\n    engine.wait()\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", program, tmp_path / "pids"], stderr=subprocess.DEVNULL)
    (worker,) = pids(tmp_path / "pids")
    driver.kill()
    driver.wait()
    end = time.monotonic() + 30
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < end, "the worker of a dead driver works on"
        time.sleep(0.05)


@pytest.mark.slow
def test_quiet(tmp_path):
    """A worker's death, say, is told once, by us: standard output is for results."""
    program = (
        f"import sys; sys.path.insert(0, {str(HERE)!r}); import jobs, json\n"
        "from nasbench.engines.ray.engine import RayEngine\n"
        "found = []\n"
        "with RayEngine(1) as engine:\n"
        "    for key, function, argument in ((1, jobs.die, 9), (2, jobs.say, 'words'), (3, jobs.double, 2)):\n"
        "        engine.submit(key, function, argument)\n"
        "        found += [f.end for f in engine.wait(60)]\n"
        "print(json.dumps(found))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert json.loads(ran.stdout) == ["died", "died", "result"]
    assert ran.stderr == ""
